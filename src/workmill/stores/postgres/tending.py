"""The duties that keep the tables in order: promote what is due, prune what is past its keep time."""

from workmill.store import NoticeKind, Promotion
from workmill.stores.postgres.session import Session
from workmill.words.ticks import TICK
from workmill.words.unstarted import EXPIRED

MOST_CHANGES = 20_000
"""How many changes of the tally are added up by one statement."""
MOST_ROUNDS = 100


async def promote(limit: int, session: Session) -> Promotion:
    """See `Store.promote`."""
    await expire(limit, session)
    sweep = session.promoting
    ((ids, queues, next_in, reached, is_bounded),) = await session.run("tend", "promote", [limit, sweep.start()])
    sweep.reach(reached)
    session.tell_of_queues(queues or ())
    if ids:
        session.tell(NoticeKind.CHANGED, job_ids=ids)
    if is_bounded:
        # Whoever stores jobs on a bounded queue counts: what is not added up yet he reads change by change.
        await add_up(session)
    return Promotion(count=len(ids or ()), next_in=None if next_in is None else next_in * TICK)


async def expire(limit: int, session: Session) -> None:
    """Cancel up to `limit` jobs that may not begin any more, and what follows from that."""
    ((followed,),) = await session.run("tend", "expire", [limit, EXPIRED])
    session.tell_followed(followed)


async def prune(limit: int, session: Session) -> int:
    """See `Store.prune`."""
    sweep = session.pruning
    ((pruned, reached),) = await session.run("tend", "prune", [limit, sweep.start()])
    sweep.reach(reached)
    await add_up(session)
    return int(pruned)


async def add_up(session: Session) -> None:
    """Add up all changes of the tally, so that to count is cheap."""
    for _ in range(MOST_ROUNDS):
        ((added,),) = await session.run("tend", "add_up", [MOST_CHANGES])
        if added < MOST_CHANGES:
            return
