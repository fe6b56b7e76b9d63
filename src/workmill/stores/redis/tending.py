"""The duties that keep the store in order: promote what is due, prune what is past its keep time."""

from workmill.store import Promotion
from workmill.stores.redis.session import Session
from workmill.words.ticks import TICK


async def promote(limit: int, session: Session) -> Promotion:
    """See `Store.promote`."""
    count, next_in = await session.run("promote", limit)
    return Promotion(count=count, next_in=None if next_in is None else int(next_in) * TICK)


async def prune(limit: int, session: Session) -> int:
    """See `Store.prune`."""
    pruned: int = await session.run("prune", limit)
    return pruned
