"""The chess example's processes, real ones, for as long as a test needs them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from examples.chess.stockfish import ROOT
from tests.acceptance.processes import descendants

HOST = "127.0.0.1"
READY_SECONDS = 30.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(url: str, arguments: Sequence[str], *, folder: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python command in a folder and on a store, and leave nothing of it behind."""
    environment = {**os.environ, "WORKMILL_URL": url}
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, process_group=0)
    try:
        yield process
    finally:
        kill_tree(process)


@contextmanager
def demo(url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the whole example, as a person starts it, until the end of the context."""
    with running(url, ["-m", "examples.chess", f"--port={port}"]) as process:
        await_listening(port, process)
        yield process


@contextmanager
def web_server(url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the example as `python -m examples.chess` does, until the end of the context."""
    command = ["-m", "waitress", f"--listen={HOST}:{port}", "--threads=16", "--call", "examples.chess:create_app"]
    with running(url, command) as process:
        await_listening(port, process)
        yield process


def kill_tree(root: subprocess.Popen[bytes]) -> None:
    """Kill a process and all under it with SIGKILL."""
    if root.poll() is not None:
        return
    for pid in {root.pid, *descendants(root.pid)}:
        os.kill(pid, signal.SIGKILL)
    root.wait(READY_SECONDS)


def await_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process listens on a port."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port), timeout=READY_SECONDS).close()
        except ConnectionRefusedError:
            assert process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.02)  # nothing announces a listener
        else:
            return
