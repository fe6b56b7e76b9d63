"""Further commands that a worker starts and ends with itself, such as a web server beside it."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from workmill.running.orders import Orders
from workmill.running.protocol import REFUSED
from workmill.running.race import race
from workmill.running.reaper import Reaper, how_it_ended

END_SECONDS = 5.0
"""How long a command may take to end after TERM before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A command that lives and dies with the worker: when it ends by itself, the worker drains.

    Attributes:
        inherits: File descriptors that it is handed, such as a socket that listens, so that no restart closes it.
    """

    name: str
    command: tuple[str, ...]
    inherits: tuple[int, ...] = ()


class Extras:
    """The extras of one worker, each in a process group of its own."""

    def __init__(self, extras: tuple[Extra, ...], reaper: Reaper, orders: Orders) -> None:
        self.exit_code = 0
        """Not 0 when one of them ended by itself: its own code, or 1."""
        self._extras = extras
        self._reaper = reaper
        self._orders = orders
        self._running: dict[int, asyncio.Future[int]] = {}
        self._leaving: set[int] = set()
        self._has_restarted = False

    async def run(self) -> None:
        """Start them, and end them when the worker drains; when one ends, drain the worker."""
        if not self._extras:
            return
        try:
            for extra in self._extras:
                self._start(extra)
            await self._orders.draining.wait()
            self._signal(signal.SIGTERM)
            await race(self._all_ended(), asyncio.sleep(END_SECONDS))
        finally:
            self._signal(signal.SIGKILL)
        await race(self._all_ended(), asyncio.sleep(END_SECONDS))

    def restart(self) -> None:
        """Start each anew and let the others end; nothing where none runs.

        From now on one that cannot load the application ends nothing: the next restart may bring what is missing.
        """
        if not self._running or self._orders.draining.is_set():
            return
        self._has_restarted = True
        self._leaving |= self._running.keys()
        self._signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(END_SECONDS, self._kill, frozenset(self._leaving))
        for extra in self._extras:
            self._start(extra)

    def _start(self, extra: Extra) -> None:
        tied = [sys.executable, "-P", "-m", "workmill.running.tied", str(os.getpid()), *extra.command]
        process = subprocess.Popen(tied, stdin=subprocess.DEVNULL, pass_fds=extra.inherits, process_group=0)
        exited = self._running[process.pid] = self._reaper.watch(process.pid)
        exited.add_done_callback(partial(self._note_end, extra, process))

    def _note_end(self, extra: Extra, process: subprocess.Popen[bytes], exited: asyncio.Future[int]) -> None:
        process.returncode = code = exited.result()
        del self._running[process.pid]
        if process.pid in self._leaving:
            self._leaving.remove(process.pid)
        elif not self._orders.draining.is_set() and not (self._has_restarted and code == REFUSED):
            self.exit_code = max(code, 0) or 1
            self._orders.end(f"{extra.name} {how_it_ended(code)}")

    async def _all_ended(self) -> None:
        while self._running:
            await asyncio.wait(list(self._running.values()))

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._running:
            _signal_group(pid, number)

    def _kill(self, pids: frozenset[int]) -> None:
        for pid in pids & self._running.keys():
            _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
