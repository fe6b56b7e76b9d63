"""The promoter: makes scheduled and retrying jobs queued when their time has come."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workmill.running.duty import Duty
from workmill.running.elapsed import Sleep
from workmill.store import NoticeKind, Store
from workmill.words.emit import Emit

BATCH = 500
POLL_SECONDS = 5.0
"""The longest sleep, should the notice of a newly scheduled job be lost."""
SHORTEST_SECONDS = 0.001
"""The shortest sleep: a time that the store rounds must not make the promoter spin."""


def promoter(store: Store, *, emit: Emit) -> Duty:
    """Promote what is due, then sleep until the next job is, or until another gets a time."""

    @asynccontextmanager
    async def until_scheduled() -> AsyncIterator[Sleep]:
        async with store.listen(frozenset({NoticeKind.SCHEDULED})) as ear:
            yield ear.next

    async def promote() -> float:
        promotion = await store.promote(BATCH)
        if promotion.next_in is None:
            return POLL_SECONDS
        return min(max(promotion.next_in.total_seconds(), SHORTEST_SECONDS), POLL_SECONDS)

    return Duty("promote", promote, emit=emit, waiting=until_scheduled)
