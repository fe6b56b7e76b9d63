"""Cancelling: at once what has not started, by request what runs."""

from collections.abc import Sequence

from workmill.stores.redis.rows import pack, readable
from workmill.stores.redis.session import Session
from workmill.words.job import Job


async def cancel(job_ids: Sequence[str], reason: str | None, session: Session, *, force: bool) -> list[Job | None]:
    """See `Store.cancel`."""
    if not job_ids:
        return []
    rows = await session.run("cancel", pack([job_ids, False if reason is None else reason, force]))
    by_id = {job.id: job for job in readable(rows)}
    return [by_id.get(job_id) for job_id in job_ids]
