"""What each verb makes of a job: pure functions from the record before to the record after."""

from dataclasses import replace
from datetime import datetime, timedelta

from workmill.store import ClaimRequest
from workmill.words.clock import later
from workmill.words.job import Attempt, Ending, Job, JobState, NewJob
from workmill.words.transition import Transition
from workmill.words.unstarted import EXPIRED

NOT_BEGUN = frozenset({JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED})


def stored(new: NewJob, now: datetime) -> Job:
    """Return a new job as it begins."""
    run_at = later(now, new.delay) if new.delay else new.run_at
    return Job(
        id=new.id,
        task=new.task,
        queue=new.queue,
        priority=new.priority,
        state=JobState.QUEUED if run_at is None or run_at <= now else JobState.SCHEDULED,
        args=new.args,
        policy=new.policy,
        key=new.key,
        attempt=0,
        deaths=0,
        token=0,
        version=1,
        progress=None,
        result=None,
        failure=None,
        worker=None,
        engine=None,
        created_at=now,
        run_at=run_at,
        started_at=None,
        finished_at=None,
        expires_at=None,
        cancel_requested_at=None,
        cancel_reason=None,
        retry_of=new.retry_of,
        ties=new.ties,
    )


def released(job: Job, delay: timedelta | None, now: datetime) -> Job:
    """Return a waiting job after the end of all that it waited for."""
    run_at = later(now, delay) if delay else job.run_at
    is_due = run_at is None or run_at <= now
    return replace(job, state=JobState.QUEUED if is_due else JobState.SCHEDULED, run_at=run_at)


def begin_by(job: Job) -> datetime | None:
    """Return the moment from which on a job that has not begun may not begin any more; None where there is none."""
    if job.policy.expires is None or job.token or job.state not in NOT_BEGUN:
        return None
    return later(job.run_at or job.created_at, job.policy.expires)


def is_too_late(job: Job, now: datetime) -> bool:
    """Whether a job that has not begun may not begin any more."""
    moment = begin_by(job)
    return moment is not None and moment <= now


def expired(job: Job, now: datetime) -> Job:
    """Return a job after the moment by which it had to begin."""
    return finished(replace(job, cancel_reason=EXPIRED), JobState.CANCELLED, job.policy.keep, now)


def claimed(job: Job, request: ClaimRequest, now: datetime) -> Job:
    """Return a queued job in the hands of a worker."""
    return replace(
        job,
        state=JobState.RUNNING,
        worker=request.worker_id,
        engine=request.engine,
        attempt=job.attempt + 1,
        token=job.token + 1,
        version=job.version + 1,
        started_at=now,
    )


def settled(job: Job, transition: Transition, now: datetime) -> Job:
    """Return a running job after the end of its attempt."""
    removed = transition.ending is Ending.SUCCEEDED
    after = replace(
        job,
        version=job.version + 1,
        state=transition.state,
        attempt=transition.attempt,
        deaths=transition.deaths,
        result=transition.result,
        failure=transition.failure or (None if removed else job.failure),
        cancel_reason=job.cancel_reason if transition.reason is None else transition.reason,
    )
    if transition.state.is_final:
        return finished(after, transition.state, transition.keep, now)
    if transition.state is JobState.QUEUED:
        return after
    return replace(after, run_at=later(now, transition.delay or timedelta(0)))


def cancelled(job: Job, reason: str | None, now: datetime) -> Job:
    """Return a job that is not final after the first request to cancel it."""
    requested = replace(job, cancel_requested_at=now, cancel_reason=reason)
    if job.state is JobState.RUNNING:
        return requested
    return finished(requested, JobState.CANCELLED, job.policy.keep, now)


def finished(job: Job, state: JobState, keep: timedelta, now: datetime) -> Job:
    """Return a job in a final state."""
    return replace(job, state=state, finished_at=now, expires_at=later(now, keep))


def attempt_ended(job: Job, transition: Transition, now: datetime) -> Attempt:
    """Return the record of the attempt that a transition ends."""
    return Attempt(
        number=job.attempt,
        token=job.token,
        worker=job.worker,
        started_at=job.started_at,
        ended_at=now,
        ending=transition.ending,
        failure=transition.failure,
    )
