"""Further commands that a worker starts and ends with itself, such as a web server beside it."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from workmill.running.orders import Orders
from workmill.running.race import race
from workmill.running.reaper import Reaper, how_it_ended

END_SECONDS = 5.0
"""How long a command may take to end after TERM before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A command that lives and dies with the worker: when it ends by itself, the worker drains."""

    name: str
    command: tuple[str, ...]


class Extras:
    """The extras of one worker, each in a process group of its own."""

    def __init__(self, extras: tuple[Extra, ...], reaper: Reaper) -> None:
        self.exit_code = 0
        """Not 0 when one of them ended by itself: its own code, or 1."""
        self._extras = extras
        self._reaper = reaper
        self._running: dict[int, tuple[Extra, asyncio.Future[int]]] = {}

    async def run(self, orders: Orders) -> None:
        """Start them, and end them when the worker drains; when one ends, drain the worker."""
        if not self._extras:
            return
        try:
            for extra in self._extras:
                self._start(extra)
            await race(self._first_end(orders), orders.draining.wait())
            self._signal(signal.SIGTERM)
            await race(self._all_ended(), asyncio.sleep(END_SECONDS))
        finally:
            self._signal(signal.SIGKILL)
        await race(self._all_ended(), asyncio.sleep(END_SECONDS))

    def _start(self, extra: Extra) -> None:
        tied = [sys.executable, "-P", "-m", "workmill.running.tied", str(os.getpid()), *extra.command]
        process = subprocess.Popen(tied, stdin=subprocess.DEVNULL, process_group=0)
        exited = self._reaper.watch(process.pid)
        exited.add_done_callback(lambda done: setattr(process, "returncode", done.result()))
        self._running[process.pid] = (extra, exited)

    async def _first_end(self, orders: Orders) -> None:
        futures = [exited for _, exited in self._running.values()]
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        for extra, exited in self._running.values():
            if exited.done() and not orders.draining.is_set():
                self.exit_code = max(exited.result(), 0) or 1
                orders.end(f"{extra.name} {how_it_ended(exited.result())}")

    async def _all_ended(self) -> None:
        await asyncio.wait([exited for _, exited in self._running.values()])

    def _signal(self, number: signal.Signals) -> None:
        for pid, (_, exited) in self._running.items():
            if not exited.done():
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, number)
