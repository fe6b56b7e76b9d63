"""Cancelling: at once what has not started, by request what runs."""

from collections.abc import Sequence

from workmill.store import NoticeKind
from workmill.stores.sqlite.moments import later
from workmill.stores.sqlite.reading import get
from workmill.stores.sqlite.rows import pack, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.job import Job, JobState


def cancel(job_ids: Sequence[str], reason: str | None, transaction: Transaction, *, force: bool) -> list[Job | None]:
    """See `Store.cancel`."""
    reason = None if reason is None else writable(reason)
    found = {job.id: job for job in get(job_ids, transaction) if job is not None}
    open_jobs = [job for job in found.values() if not job.state.is_final]
    fresh = [job for job in open_jobs if job.cancel_requested_at is None]
    finish([job for job in fresh if job.state is not JobState.RUNNING], reason, transaction, force=force)
    ask([job for job in fresh if job.state is JobState.RUNNING], reason, transaction, force=force)
    if force:
        press([job for job in open_jobs if job.cancel_requested_at is not None and not job.cancel_forced], transaction)
    return get(job_ids, transaction)


def finish(jobs: Sequence[Job], reason: str | None, transaction: Transaction, *, force: bool) -> None:
    """Cancel jobs that do not run."""
    if not jobs:
        return
    rows = [(job.id, later(transaction.now, job.policy.keep)) for job in jobs]
    transaction.run(statements("cancel")["finish"], pack(rows), transaction.now, reason, force)
    for job in jobs:
        transaction.count((job.state, job.task, job.queue), -1)
        transaction.count((JobState.CANCELLED, job.task, job.queue), 1)
    transaction.tell(NoticeKind.CHANGED, job_ids=[job.id for job in jobs])


def ask(jobs: Sequence[Job], reason: str | None, transaction: Transaction, *, force: bool) -> None:
    """Request the cancel of jobs that run."""
    if not jobs:
        return
    ids = [job.id for job in jobs]
    transaction.run(statements("cancel")["ask"], pack(ids), transaction.now, reason, force)
    tell(ids, transaction)


def press(jobs: Sequence[Job], transaction: Transaction) -> None:
    """Make requests forced that were not."""
    if not jobs:
        return
    ids = [job.id for job in jobs]
    transaction.run(statements("cancel")["force"], pack(ids))
    tell(ids, transaction)


def tell(ids: Sequence[str], transaction: Transaction) -> None:
    """Tell the workers of jobs and those who follow them."""
    transaction.tell(NoticeKind.CANCEL, job_ids=ids)
    transaction.tell(NoticeKind.CHANGED, job_ids=ids)
