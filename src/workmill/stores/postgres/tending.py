"""The duties that keep the tables in order: promote what is due, prune what is past its keep time."""

from workmill.store import NoticeKind, Promotion
from workmill.stores.postgres.moments import TICK
from workmill.stores.postgres.session import Session

MOST_CHANGES = 20_000
"""How many changes of the tally are added up by one call."""


async def promote(limit: int, session: Session) -> Promotion:
    """See `Store.promote`."""
    ((ids, queues, next_in),) = await session.run("tend", "promote", [limit])
    if ids:
        session.tell_of_queues(queues)
        session.tell(NoticeKind.CHANGED, job_ids=ids)
    return Promotion(count=len(ids or ()), next_in=None if next_in is None else next_in * TICK)


async def prune(limit: int, session: Session) -> int:
    """See `Store.prune`."""
    ((pruned,),) = await session.run("tend", "prune", [limit, MOST_CHANGES])
    return int(pruned)
