"""Cancelling: at once what has not started, by request what runs."""

from collections.abc import Sequence

from workmill.store import NoticeKind
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.ends import End, Standing, follow, kept_until, note
from workmill.stores.sqlite.reading import get
from workmill.stores.sqlite.rows import pack, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.job import FINAL_STATES, Job, JobState


def cancel(job_ids: Sequence[str], reason: str | None, transaction: Transaction, *, force: bool) -> list[Job | None]:
    """See `Store.cancel`."""
    readable = [job.id for job in get(job_ids, transaction) if job is not None and not job.state.is_final]
    transaction.hold(cancel_open(readable, reason, transaction.account, force=force))
    return get(job_ids, transaction)


def cancel_open(job_ids: Sequence[str], reason: str | None, account: Account, *, force: bool = False) -> Talk[None]:
    """Cancel jobs, and do what follows from it. Those that are final or not stored stay as they are."""
    if not job_ids:
        return
    reason = None if reason is None else writable(reason)
    rows = yield from ask(statements("cancel")["standing"], pack(list(dict.fromkeys(job_ids))))
    jobs = [(Standing._make(row[:-1]), row[-1]) for row in rows if row[4] not in FINAL_STATES]
    runs = [(job, is_forced) for job, is_forced in jobs if job.state == JobState.RUNNING]
    yield from request([job for job, is_forced in runs if is_forced is None], reason, account, force=force)
    if force:
        yield from press([job for job, is_forced in runs if is_forced == 0], account)
    yield from finish([job for job, _ in jobs if job.state != JobState.RUNNING], reason, account, force=force)


def request(jobs: Sequence[Standing], reason: str | None, account: Account, *, force: bool) -> Talk[None]:
    """Request the cancel of jobs that run."""
    if jobs:
        yield from say(statements("cancel")["ask"], places(jobs), account.now, reason, force)
        tell(jobs, account)


def press(jobs: Sequence[Standing], account: Account) -> Talk[None]:
    """Make requests forced that were not."""
    if jobs:
        yield from say(statements("cancel")["force"], places(jobs))
        tell(jobs, account)


def finish(jobs: Sequence[Standing], reason: str | None, account: Account, *, force: bool) -> Talk[None]:
    """Cancel jobs that do not run."""
    if not jobs:
        return
    rows = [(job.seq, kept_until(job, account.now)) for job in jobs]
    yield from say(statements("cancel")["finish"], pack(rows), account.now, reason, force)
    note(jobs, [JobState.CANCELLED] * len(jobs), account)
    ends = [End.of(job, JobState.CANCELLED) for job in jobs]
    yield from follow([end for end in ends if end.has_consequences], account)


def places(jobs: Sequence[Standing]) -> str:
    """Return the places of jobs in the order of storing, for a statement to read."""
    return pack([job.seq for job in jobs])


def tell(jobs: Sequence[Standing], account: Account) -> None:
    """Tell the workers of jobs and those who follow them."""
    ids = [job.id for job in jobs]
    account.tell(NoticeKind.CANCEL, job_ids=ids)
    account.tell(NoticeKind.CHANGED, job_ids=ids)
