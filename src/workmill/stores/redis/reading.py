"""The verbs that only read."""

from collections.abc import Sequence
from datetime import datetime

from workmill.store import Count
from workmill.stores.redis.rows import attempts_of, moment, pack, readable
from workmill.stores.redis.session import Session
from workmill.words.job import Attempt, Job, JobState


async def now(session: Session) -> datetime:
    """See `Store.now`."""
    return moment(int(await session.run("now")))


async def get(job_ids: Sequence[str], session: Session) -> list[Job | None]:
    """See `Store.get`."""
    if not job_ids:
        return []
    by_id = {job.id: job for job in readable(await session.run("get", pack(job_ids)))}
    return [by_id.get(job_id) for job_id in job_ids]


async def counts(session: Session) -> list[Count]:
    """See `Store.counts`."""
    said = await session.run("counts")
    return sorted(map(count_of, said[::2], said[1::2]), key=lambda one: (one.queue, one.task, one.state))


async def parents(job_ids: Sequence[str], session: Session) -> list[tuple[str, ...]]:
    """See `Store.parents`."""
    if not job_ids:
        return []
    return [tuple(parent.decode() for parent in named) for named in await session.run("parents", pack(job_ids))]


async def attempts(job_id: str, session: Session) -> list[Attempt]:
    """See `Store.attempts`."""
    records, head = await session.run("attempts", pack(job_id))
    return attempts_of(records, head)


def count_of(name: bytes, jobs: bytes) -> Count:
    """Read one count."""
    queue, task, state = name.decode().split("/")
    return Count(queue=queue, task=task, state=JobState(state), jobs=int(jobs))
