"""A supervisor with its children as a test sees it: started, signalled, and followed by what it prints."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 20.0


class Tree:
    """One process tree, led by whatever `command` becomes."""

    def __init__(self, command: Sequence[str], url: str) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "WORKMILL_URL": url, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        with self._changed:
            return "".join(self._lines)

    def until(self, pattern: str, *, times: int = 1, seconds: float = DEADLINE_SECONDS) -> list[re.Match[str]]:
        """Wait until so many lines match, and return all that do."""

        def found() -> list[re.Match[str]]:
            return [match for line in self._lines if (match := re.search(pattern, line))]

        with self._changed:
            enough = self._changed.wait_for(lambda: len(found()) >= times, seconds)
            assert enough, f"no {times} lines match {pattern!r} within {seconds} s:\n{''.join(self._lines)}"
            return found()

    def pid_that_says(self, words: str) -> int:
        return int(self.until(rf"{words} (\d+)")[0][1])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = DEADLINE_SECONDS) -> int:
        """Wait for the end of the supervisor and of all it said; return its exit code."""
        code = self.process.wait(seconds)
        self._reading.join(seconds)
        assert not self._reading.is_alive(), "somebody still holds the tree's stdout"
        return code

    def children(self) -> list[int]:
        return children_of(self.pid)

    def kill(self) -> None:
        """Kill the whole tree at one blow: frozen first, so that none sees another die."""
        if self.process.poll() is None:
            everyone = [self.pid, *self.children()]
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in everyone:
                    send(pid, number)

    def _read(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        with stdout:
            for line in stdout:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def assert_gone(pids: Sequence[int], *, seconds: float) -> None:
    """Wait until processes that need not be our children have ended."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            readable, _, _ = select.select([handle], [], [], max(deadline - time.monotonic(), 0.0))
            assert readable, f"process {pid} lives on"
        finally:
            os.close(handle)


@contextmanager
def tree(url: str, *before: str, **options: object) -> Iterator[Tree]:
    """Start a supervisor; leaving kills what is left of it."""
    folder = options.pop("folder", ROOT)
    command = [*before, sys.executable, "-m", "tests.running.supervise", json.dumps({**options, "folder": str(folder)})]
    with started(command, url) as it:
        yield it


@contextmanager
def program(text: str, url: str) -> Iterator[Tree]:
    """Run a program given as text; leaving kills what is left of it."""
    with started([sys.executable, "-c", text], url) as it:
        yield it


@contextmanager
def started(command: Sequence[str], url: str) -> Iterator[Tree]:
    it = Tree(command, url)
    try:
        yield it
    finally:
        it.kill()
        it.ended()
