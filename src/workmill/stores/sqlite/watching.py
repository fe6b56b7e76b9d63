"""Telling listeners what callers' transactions have committed.

SQLite tells nobody of a commit on another connection, and the caller's connection is not ours to put a hook on. So once
a conversation has been held, it is looked for its traces: soon, then ever less often, and at last no more. What is
committed later than that is found by polling.

    expected --seen by others--> told
        |
     (a minute) --> forgotten
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workmill.store import Notice
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.stores.sqlite.wake import Bells, is_private
from workmill.words.errors import StoreError

FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.1
EXPECTED_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """News of a transaction that is committed once others see a job in this version."""

    job_id: str
    version: int
    notices: tuple[Notice, ...]


Look = Callable[[Callable[[Transaction], list[int]]], asyncio.Future[list[int]]]


class Watch:
    """Waits for commits and rings the bells. Belongs to an event loop; only `expect` may be called from elsewhere."""

    def __init__(self, look: Look, wake_folder: Path) -> None:
        self._look_by = look
        self._loop = asyncio.get_running_loop()
        self._bells = Bells(wake_folder if is_private(wake_folder) else None)
        self._expected: list[tuple[float, Expected]] = []
        self._more = asyncio.Event()
        self._pause = FIRST_PAUSE_SECONDS
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def expect(self, expected: Expected) -> None:
        """Begin to look for a commit; from any thread."""
        # A loop that is closed has nobody left who could ring.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._add, expected)

    async def close(self) -> None:
        """Look for the last time and let go."""
        self._is_over = True
        self._more.set()
        if self._task is not None:
            await asyncio.wait([self._task])  # It may have been cancelled with all else on the loop.
            if not self._task.cancelled():
                self._task.result()
        self._bells.close()

    def _add(self, expected: Expected) -> None:
        if self._is_over:
            return
        self._expected.append((time.monotonic() + EXPECTED_SECONDS, expected))
        self._more.set()
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        while self._expected:
            await self._rest()
            is_last = self._is_over
            # What cannot be looked at now can be at the next time.
            with contextlib.suppress(StoreError):
                await self._look()
            now = time.monotonic()
            self._expected = [(until, each) for until, each in self._expected if until > now and not is_last]

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause):
                await self._more.wait()
        if self._is_over:
            return
        if self._more.is_set():
            self._more.clear()
            self._pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(FIRST_PAUSE_SECONDS)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    async def _look(self) -> None:
        looked_for = [each for _, each in self._expected]
        seen = set(await self._look_by(partial(committed, looked_for)))
        self._bells.ring([notice for place in sorted(seen) for notice in looked_for[place].notices])
        # What came while it was looked stands behind what was looked for.
        self._expected = [pair for place, pair in enumerate(self._expected) if place not in seen]


def committed(looked_for: Sequence[Expected], transaction: Transaction) -> list[int]:
    """Return the places of those that others can see."""
    wanted = pack([(each.job_id, each.version) for each in looked_for])
    places: list[int] = transaction.batch(statements("within")["committed"], wanted)
    return places
