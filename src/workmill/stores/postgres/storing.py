"""Storing jobs that are more than plain: those that follow others, are unique, pass gates or expire.

The server looks at each of them in its turn, in one statement of one text, the same for a transaction of the room's
own and for one of a caller's.
"""

from collections.abc import Mapping, Sequence

from workmill.store import Enqueued, Notice, NoticeKind
from workmill.stores.postgres.drafting import draft
from workmill.stores.postgres.enqueueing import known, lanes_of
from workmill.stores.postgres.refusals import refusal
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.wake import channel, written
from workmill.stores.postgres.wire import Rows
from workmill.words.codec import Json, dump, load
from workmill.words.errors import StoreUnavailable
from workmill.words.job import JobState, NewJob

MOST_TRIES = 20
PATIENCE = "20s"
"""How long it waits for a transaction of others that stores one of the same jobs."""


async def enqueue_ruled(jobs: Sequence[NewJob], session: Session) -> list[Enqueued]:
    """Store a batch in which a job is more than plain.

    Raises:
        JobConflict, ParentNotFound, QueueFull, UniqueConflict: As for `enqueue`.
    """
    asked = dump({"jobs": await drafts(jobs, session)}).decode()
    for _ in range(MOST_TRIES):
        rows = await session.run("enqueue", "ruled", {"asked": asked, "patience": PATIENCE})
        if rows:
            enqueued = answers(rows)
            tell(enqueued, session)
            session.tell_followed(None if rows[0][1] is None else load(rows[0][1]))
            return enqueued
    raise StoreUnavailable("the same jobs were stored and deleted again and again meanwhile; repeat the call")


async def drafts(jobs: Sequence[NewJob], session: Session) -> list[Json]:
    """Return what the server must know to store jobs."""
    lanes = await lanes_of(jobs, session)
    return [draft(new, lane) for new, lane in zip(jobs, lanes, strict=True)]


def answers(rows: Rows | Sequence[Sequence[Json]]) -> list[Enqueued]:
    """Read what became of a batch.

    Raises:
        JobConflict, ParentNotFound, QueueFull, UniqueConflict: It was refused.
    """
    said, detail, *_ = rows[0]
    if said == "refused":
        raise refusal(detail)
    return enqueued_of([row[2:] for row in rows[1:]])


def enqueued_of(rows: Sequence[Sequence[Json]]) -> list[Enqueued]:
    """Read stored jobs, each after whether it was created; of a job that was created twice the first is."""
    enqueued, seen = [], set[str]()
    for is_created, *row in rows:
        job = known(row)
        enqueued.append(Enqueued(job=job, created=is_created and job.id not in seen))
        seen.add(job.id)
    return enqueued


def tell(enqueued: Sequence[Enqueued], session: Session) -> None:
    """Tell of jobs that were created."""
    jobs = [one.job for one in enqueued if one.created]
    session.tell_of_queues([job.queue for job in jobs if job.state is JobState.QUEUED])
    if any(job.state is JobState.SCHEDULED or job.policy.expires is not None for job in jobs):
        session.tell(NoticeKind.SCHEDULED)
    if jobs:
        session.tell(NoticeKind.CHANGED, job_ids=[job.id for job in jobs])


def anything(schema: str) -> list[Mapping[str, Json]]:
    """Return what a caller's transaction tells where more than it asked for may have changed."""
    kinds = (NoticeKind.QUEUED, NoticeKind.SCHEDULED, NoticeKind.CHANGED, NoticeKind.CANCEL)
    return [{"channel": channel(schema, kind), "payload": written(Notice(kind=kind))} for kind in kinds]
