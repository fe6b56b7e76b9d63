"""What follows what: the one place that turns the outcome of an attempt into the next state of its job."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, assert_never

from workmill.words.job import Ending, Job, JobState
from workmill.words.outcome import (
    Cancelled,
    Failed,
    Failure,
    Interrupted,
    Outcome,
    Returned,
    Snoozed,
    Succeeded,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The end of one attempt, ready to be stored by the holder of `token` and by nobody else.

    Times are relative: the store adds `delay` and `keep` to its own clock, so that no worker's clock decides.
    """

    job_id: str
    token: int
    state: JobState
    ending: Ending
    attempt: int
    deaths: int
    keep: timedelta
    delay: timedelta | None = None
    result: bytes | None = None
    failure: Failure | None = None
    reason: str | None = None


class Decide(Protocol):
    """The shape of `decide`."""

    def __call__(self, job: Job, outcome: Outcome, *, chance: float) -> Transition:
        """Return what follows."""


def decide(job: Job, outcome: Outcome, *, chance: float) -> Transition:
    """Return what follows the attempt of `job` that ended with `outcome`.

    A job whose cancel was requested never runs again: what would have run it again cancels it. A result that
    exists all the same is kept.

    Args:
        job: The job as it was claimed, with a cancel request that arrived since, if any.
        outcome: How the attempt ended.
        chance: A number in [0, 1) that spreads the delay of a retry.
    """
    match outcome:
        case Succeeded():
            return _end(job, JobState.SUCCEEDED, Ending.SUCCEEDED, result=outcome.result)
        case Failed():
            return _after_failure(job, outcome, chance=chance)
        case Snoozed():
            return _again(job, JobState.SCHEDULED, Ending.SNOOZED, attempt=job.attempt - 1, delay=outcome.after)
        case Cancelled():
            return _end(job, JobState.CANCELLED, Ending.CANCELLED, reason=outcome.reason)
        case Interrupted():
            return _after_death(job, outcome.failure)
        case Returned():
            return _again(job, JobState.QUEUED, Ending.RETURNED, attempt=job.attempt - 1)
    assert_never(outcome)


def _after_failure(job: Job, outcome: Failed, *, chance: float) -> Transition:
    if not outcome.retryable or job.failures >= job.policy.max_attempts:
        return _end(job, JobState.FAILED, Ending.FAILED, failure=outcome.failure)
    delay = job.policy.backoff.delay(job.failures, chance=chance) if outcome.after is None else outcome.after
    return _again(job, JobState.RETRYING, Ending.FAILED, delay=delay, failure=outcome.failure)


def _after_death(job: Job, failure: Failure) -> Transition:
    deaths = job.deaths + 1
    if deaths >= job.policy.max_deaths:
        return _end(job, JobState.FAILED, Ending.INTERRUPTED, deaths=deaths, failure=failure)
    return _again(job, JobState.QUEUED, Ending.INTERRUPTED, deaths=deaths, failure=failure)


def _again(
    job: Job,
    state: JobState,
    ending: Ending,
    *,
    attempt: int | None = None,
    deaths: int | None = None,
    delay: timedelta | None = None,
    failure: Failure | None = None,
) -> Transition:
    if job.cancel_requested_at is not None:
        return _end(job, JobState.CANCELLED, ending, deaths=deaths, failure=failure)
    return Transition(
        job_id=job.id,
        token=job.token,
        state=state,
        ending=ending,
        attempt=job.attempt if attempt is None else attempt,
        deaths=job.deaths if deaths is None else deaths,
        keep=job.policy.keep,
        delay=delay,
        failure=failure,
    )


def _end(
    job: Job,
    state: JobState,
    ending: Ending,
    *,
    deaths: int | None = None,
    result: bytes | None = None,
    failure: Failure | None = None,
    reason: str | None = None,
) -> Transition:
    return Transition(
        job_id=job.id,
        token=job.token,
        state=state,
        ending=ending,
        attempt=job.attempt,
        deaths=job.deaths if deaths is None else deaths,
        keep=job.policy.keep,
        result=result,
        failure=failure,
        reason=reason or job.cancel_reason,
    )
