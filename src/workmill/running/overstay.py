"""Which jobs have overstayed: the one rule by which what does not end when it must is ended from outside."""

from datetime import datetime, timedelta

from workmill.craft.executor import TimeLimitExceeded
from workmill.words.job import Job, JobState
from workmill.words.outcome import Cancelled, Failed, Failure, FailureKind

GRACE = timedelta(seconds=5)
"""How long an attempt may go on when its time is over or it was cancelled."""


def overstay(job: Job, now: datetime, grace: timedelta, *, stack: str = "") -> Failed | Cancelled | None:
    """Return what becomes of a running job that has overstayed, once nothing of it runs any more; None for another.

    It has when its cancel was requested, or its time was over, longer than the grace ago; at once, when the cancel is a
    forced one. A cancel counts for more than time: who asked for it wants no other attempt.

    Args:
        job: The job as the store has it.
        now: The store's present moment.
        grace: How long it may go on.
        stack: Where its process was last, for the evidence.
    """
    if job.state is not JobState.RUNNING:
        return None
    if job.cancel_requested_at is not None and (job.cancel_forced or now - job.cancel_requested_at > grace):
        return Cancelled(reason=job.cancel_reason)
    limit = job.policy.timeout
    if limit is None or job.started_at is None or now - job.started_at - grace <= limit:
        return None
    how = f"asked to end, it went on for {grace.total_seconds():g} s, so its process was killed"
    message = f"{TimeLimitExceeded(limit)}; {how}"
    failure = Failure(kind=FailureKind.TIMEOUT, type=TimeLimitExceeded.__name__, message=message, traceback=stack)
    return Failed(failure=failure)
