"""Jobs that may not begin any more, because their time for it is over."""

from collections.abc import Sequence

from workmill.stores.sqlite.ends import Loss, Standing, end_unbegun, follow
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.job import Job, JobState
from workmill.words.ticks import later, ticks
from workmill.words.unstarted import EXPIRED

TOO_LATE = Loss(JobState.CANCELLED, None, EXPIRED)


def is_late(job: Job, now: int) -> bool:
    """Whether a job as it would be once claimed may not begin for the first time any more."""
    expires = job.policy.expires
    return expires is not None and job.token == 1 and later(ticks(job.run_at or job.created_at), expires) <= now


def expire_due(limit: int, transaction: Transaction) -> None:
    """Cancel up to `limit` jobs whose time to begin is over."""
    expire(transaction.batch(statements("promote")["late"], transaction.now, limit), transaction)


def expire(places: Sequence[int], transaction: Transaction) -> None:
    """Cancel jobs that have not begun, given by their places in the order."""
    if not places:
        return
    rows = transaction.batch(statements("follow")["standing"], pack(places))
    losses = [(Standing._make(row), TOO_LATE) for row in rows]
    ends = transaction.hold(end_unbegun(losses, transaction.account))
    transaction.hold(follow([end for end in ends if end.has_consequences], transaction.account))
