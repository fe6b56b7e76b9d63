"""Collecting children that end: our own, and, as process 1 of a container, every orphan's."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Reaper:
    """Waits for all children of this process, so that no other part of it may. It belongs to one event loop.

    What it is told to watch must have been started in the same step of the loop, before it can have been collected.
    """

    def __init__(self) -> None:
        self._watched: dict[int, asyncio.Future[int]] = {}

    def watch(self, pid: int) -> asyncio.Future[int]:
        """Return what will hold the exit code of a child; minus the signal's number if one killed it."""
        future = asyncio.get_running_loop().create_future()
        self._watched[pid] = future
        return future

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Collect while inside. Only in the main thread."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self.collect)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGCHLD)

    def collect(self) -> None:
        """Collect every child that has ended so far. One signal may stand for many of them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            future = self._watched.pop(pid, None)
            if future is not None and not future.done():
                future.set_result(os.waitstatus_to_exitcode(status))


def how_it_ended(exit_code: int) -> str:
    """Say in words how a process ended."""
    if exit_code >= 0:
        return f"ended by itself with exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
