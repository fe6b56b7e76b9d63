"""How long to wait for a store that fails, and repeating a call until it succeeds."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from workmill.running.elapsed import Sleep
from workmill.words.emit import Emit
from workmill.words.errors import StoreUnavailable
from workmill.words.events import StoreFailing
from workmill.words.retry import Backoff

T = TypeVar("T")

BACKOFF = Backoff(first=timedelta(seconds=0.1), most=timedelta(seconds=5))


def pause_after(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row (from 1)."""
    return BACKOFF.delay(failures, chance=random.random()).total_seconds()  # noqa: S311 - spreads callers, no secret


async def until_done(verb: str, call: Callable[[], Awaitable[T]], *, emit: Emit, sleep: Sleep = asyncio.sleep) -> T:
    """Repeat a call of the store while it is unavailable, for ever: whoever awaits this sets the deadline.

    Raises:
        StoreError: Any but `StoreUnavailable`, which repeating does not cure.
    """
    failures = 0
    while True:
        try:
            return await call()
        except StoreUnavailable as error:
            failures += 1
            pause = pause_after(failures)
            emit(StoreFailing(verb=verb, error=str(error), retry_seconds=pause))
        await sleep(pause)
