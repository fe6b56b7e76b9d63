"""The processes of a storm: workers that are started again when they end, and producers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from proof.checking.faulting import GENTLE
from proof.histories.entry import Op
from proof.histories.pen import Pen
from proof.storming.settings import FOLDER_VARIABLE, HISTORY, LOGS, Settings

ROOT = Path(__file__).resolve().parents[2]
PROC = Path("/proc")


class Processes:
    """Everything that a storm has started.

    Args:
        url: The store, as workers and producers reach it.
        folder: Where histories and logs go.
        pen: Is told of each that has ended.
    """

    def __init__(self, settings: Settings, url: str, folder: Path, pen: Pen) -> None:
        self.workers: list[subprocess.Popen[bytes]] = []
        self.producers: list[subprocess.Popen[bytes]] = []
        self.restarts = 0
        self._settings = settings
        self._pen = pen
        self._folder = folder
        self._environment = {
            **os.environ,
            "WORKMILL_URL": url,
            FOLDER_VARIABLE: str(folder / HISTORY),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }

    def start(self) -> None:
        """Start them all."""
        self.workers = [self._worker() for _ in range(self._settings.workers)]
        self.producers = [self._producer(number) for number in range(self._settings.producers)]

    def restart_workers(self) -> None:
        """Start a worker in place of each that has ended."""
        for place, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self._note_end(worker)
                self.workers[place] = self._worker()
                self.restarts += 1

    def end_producers(self, seconds: float) -> None:
        """Let producers end what they are at."""
        self._end(self.producers, seconds)

    def end_workers(self, seconds: float) -> None:
        """Let workers finish and go."""
        self._end(self.workers, seconds)

    def kill(self) -> None:
        """Leave nothing."""
        for process in (*self.workers, *self.producers):
            if process.poll() is None:
                kill_tree(process.pid)
                process.wait()

    def _end(self, processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
        for process in processes:
            process.terminate()
        ends_at = time.monotonic() + seconds
        for process in processes:
            try:
                process.wait(max(ends_at - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                self._pen.write(Op.GONE, scope=str(process.pid), kind=f"none: it did not end within {seconds:g} s")
                kill_tree(process.pid)
                process.wait()
            else:
                self._note_end(process)

    def _note_end(self, process: subprocess.Popen[bytes]) -> None:
        self._pen.write(Op.GONE, scope=str(process.pid), kind=str(process.returncode))

    def _worker(self) -> subprocess.Popen[bytes]:
        options = [f"--lease={self._settings.lease}", f"--concurrency={self._settings.concurrency}"]
        return self._started("worker", *options, *self._rules())

    def _producer(self, number: int) -> subprocess.Popen[bytes]:
        options = [f"--seed={self._settings.seed + number}", f"--rate={self._settings.rate}"]
        is_gentle = self._settings.only and set(self._settings.only) <= GENTLE
        return self._started("producer", *options, *(["--gentle"] if is_gentle else []), *self._rules())

    def _rules(self) -> list[str]:
        return ["--rules"] if self._settings.rules else []

    def _started(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        with (self._folder / LOGS / f"{module}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"proof.storming.{module}", *options],
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def tree(pid: int) -> Iterator[int]:
    """Give a process and all that descend from it, parents first."""
    yield pid
    with suppress(OSError):
        for child in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split():
            yield from tree(int(child))


def send_tree(pid: int, number: signal.Signals) -> None:
    """Signal a process and all that descend from it."""
    for each in list(tree(pid)):
        send(each, number)


def send(pid: int, number: signal.Signals) -> None:
    """Signal one process, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_tree(pid: int) -> None:
    """Kill a process and all that descend from it at one blow: frozen first, so that none sees another die."""
    everyone = list(tree(pid))
    for each in everyone:
        send(each, signal.SIGSTOP)
    for each in reversed(everyone):  # The kernel wakes stopped children whose parent has died.
        send(each, signal.SIGKILL)


def module_of(pid: int) -> str:
    """Return which module of ours a process runs, by its command line; empty for others."""
    with suppress(OSError):
        words = (PROC / str(pid) / "cmdline").read_bytes().decode().split("\0")
        return words[words.index("-m") + 1] if "-m" in words else ""
    return ""
