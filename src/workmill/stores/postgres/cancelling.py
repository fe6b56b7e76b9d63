"""Cancelling: at once what has not started, by request what runs."""

from collections.abc import Sequence

from workmill.store import NoticeKind
from workmill.stores.postgres.reading import get
from workmill.stores.postgres.session import Session
from workmill.words.job import Job
from workmill.words.ticks import length_of


async def cancel(job_ids: Sequence[str], reason: str | None, session: Session, *, force: bool) -> list[Job | None]:
    """See `Store.cancel`."""
    found = {job.id: job for job in await get(job_ids, session) if job is not None}
    # In one order everywhere, so that no two who cancel the same jobs wait for each other.
    open_jobs = [found[key] for key in sorted(found) if not found[key].state.is_final]
    if open_jobs:
        keeps = [length_of(job.policy.keep) for job in open_jobs]
        values = [[job.id for job in open_jobs], keeps, reason, force]
        *changed, (_, _, followed) = await session.run("cancel", "cancel", values)
        session.tell_followed(followed)
        asked = [job_id for job_id, is_running, _ in changed if is_running]
        if asked:
            session.tell(NoticeKind.CANCEL, job_ids=asked)
        if changed:
            session.tell(NoticeKind.CHANGED, job_ids=[job_id for job_id, *_ in changed])
    return await get(job_ids, session)
