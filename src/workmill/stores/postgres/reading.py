"""The verbs that only read."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from workmill.store import Count
from workmill.stores.postgres.rows import attempt_of, readable
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.tending import add_up
from workmill.words.job import Attempt, Job, JobState
from workmill.words.ticks import moment

MANY_CHANGES = 50_000


async def now(session: Session) -> datetime:
    """See `Store.now`."""
    rows = await session.run("read", "now")
    return moment(rows[0][0])


async def get(job_ids: Sequence[str], session: Session) -> list[Job | None]:
    """See `Store.get`."""
    if not job_ids:
        return []
    # No text of PostgreSQL's holds a NUL, so no id does.
    rows = await session.run("read", "jobs", [[job_id for job_id in job_ids if "\0" not in job_id]])
    by_id = {job.id: job for job in readable(rows)}
    return [by_id.get(job_id) for job_id in job_ids]


async def counts(session: Session) -> list[Count]:
    """See `Store.counts`."""
    rows = await session.run("read", "counts")
    if sum(changes for *_, changes in rows) > MANY_CHANGES:
        # Where no worker lives nobody else adds them up.
        await add_up(session)
    return [Count(queue=queue, task=task, state=JobState(state), jobs=jobs) for queue, task, state, jobs, _ in rows]


async def parents(job_ids: Sequence[str], session: Session) -> list[tuple[str, ...]]:
    """See `Store.parents`."""
    if not job_ids:
        return []
    rows = await session.run("read", "parents", [[job_id for job_id in job_ids if "\0" not in job_id]])
    by_id = {job_id: tuple(parent_ids) for job_id, parent_ids in rows}
    return [by_id.get(job_id, ()) for job_id in job_ids]


async def attempts(job_id: str, session: Session) -> list[Attempt]:
    """See `Store.attempts`."""
    ended = []
    for row in await session.run("read", "attempts", {"id": job_id}) if "\0" not in job_id else ():
        with suppress(ValueError):
            ended.append(attempt_of(row))
    return ended
