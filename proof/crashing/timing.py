"""Time on a stage: it stands still until it is moved, for the store and for whoever sleeps; and pauses made short."""

import asyncio
import heapq
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from unittest.mock import patch

from proof.crashing.databases import Database
from workmill.running import engine, patience, promoter, pruner, reports, rescuer, scheduler
from workmill.words.retry import Backoff

SHORT_SECONDS = 0.01


class StageTime:
    """Elapsed time that moves together with the store's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def __call__(self) -> float:
        """Return the present."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until so much of this time has passed."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._now + seconds, self._count, waiting))
        await waiting

    def advance(self, seconds: float) -> None:
        """Move on, and wake whose time has come."""
        self._now += seconds
        self._database.advance(timedelta(seconds=seconds))
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, waiting = heapq.heappop(self._sleepers)
            if not waiting.done():
                waiting.set_result(None)


@contextmanager
def hurried() -> Iterator[None]:
    """Make what the running floor sleeps in true time short while inside: its order is what matters here."""
    with ExitStack() as stack:
        short = Backoff(first=timedelta(milliseconds=1), most=timedelta(milliseconds=5))
        stack.enter_context(patch.object(patience, "BACKOFF", short))
        for module in (engine, promoter, pruner, rescuer, scheduler):
            stack.enter_context(patch.object(module, "POLL_SECONDS", SHORT_SECONDS))
        stack.enter_context(patch.object(reports, "REPORT_SECONDS", SHORT_SECONDS))
        stack.enter_context(patch.object(engine, "LAST_SECONDS", SHORT_SECONDS))
        yield
