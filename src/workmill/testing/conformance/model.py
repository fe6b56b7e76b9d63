"""The contract as a few lines over plain lists, slow and plain, for the random walk to compare a store with."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from workmill.store import ClaimRequest, Promotion, Verdict
from workmill.words.job import Job, JobState, NewJob
from workmill.words.transition import Transition

WAITING_FOR_A_TIME = (JobState.SCHEDULED, JobState.RETRYING)


@dataclass(slots=True, kw_only=True)
class Expected:
    """What the model knows of a job. It changes in place."""

    new: NewJob
    state: JobState
    run_at: datetime | None
    attempt: int = 0
    deaths: int = 0
    token: int = 0
    ended_attempts: int = 0
    worker: str | None = None
    expires_at: datetime | None = None
    is_cancel_requested: bool = False

    def is_like(self, job: Job) -> bool:
        """Whether a stored job is what is expected."""
        mine = (self.new.id, self.state, self.run_at, self.attempt, self.deaths, self.token, self.worker)
        its = (job.id, job.state, job.run_at, job.attempt, job.deaths, job.token, job.worker)
        asked = job.cancel_requested_at is not None
        return (*mine, self.expires_at, self.is_cancel_requested) == (*its, job.expires_at, asked)


class Model:
    """Jobs in the order of storing, and the ends of leases."""

    def __init__(self) -> None:
        self.jobs: list[Expected] = []
        self.leases: dict[str, datetime] = {}

    def enqueue(self, new: NewJob, now: datetime) -> None:
        """Store a job of an id and key that are new."""
        run_at = None if new.delay is None else now + new.delay
        is_waiting = run_at is not None and run_at > now
        state = JobState.SCHEDULED if is_waiting else JobState.QUEUED
        self.jobs.append(Expected(new=new, state=state, run_at=run_at if is_waiting else None))

    def claim(self, request: ClaimRequest, now: datetime) -> list[str] | None:
        """Take jobs and return their ids, or None without a live lease."""
        if not self.is_live(request.worker_id, now):
            return None
        fit = [
            job
            for job in self.jobs
            if job.state is JobState.QUEUED
            and job.new.task in request.tasks
            and (request.queues is None or job.new.queue in request.queues)
        ]
        taken = sorted(fit, key=lambda job: -job.new.priority)[: request.limit]
        for job in taken:
            job.state, job.worker = JobState.RUNNING, request.worker_id
            job.attempt += 1
            job.token += 1
        return [job.new.id for job in taken]

    def settle(self, transition: Transition, now: datetime) -> Verdict:
        """End one attempt."""
        job = next((job for job in self.jobs if job.new.id == transition.job_id), None)
        if job is None or job.state is not JobState.RUNNING or job.token != transition.token:
            return Verdict.STALE
        if job.is_cancel_requested and not transition.state.is_final:
            return Verdict.CANCEL_REQUESTED
        job.state, job.attempt, job.deaths = transition.state, transition.attempt, transition.deaths
        job.ended_attempts += 1
        if transition.state.is_final:
            job.expires_at = now + transition.keep
        if transition.state in WAITING_FOR_A_TIME:
            job.run_at = now + (transition.delay or timedelta(0))
        return Verdict.APPLIED

    def cancel(self, job_id: str, now: datetime) -> None:
        """Cancel a job that is stored."""
        (job,) = [job for job in self.jobs if job.new.id == job_id]
        if job.state.is_final:
            return
        job.is_cancel_requested = True
        if job.state is not JobState.RUNNING:
            job.state, job.expires_at = JobState.CANCELLED, now + job.new.policy.keep

    def promote(self, now: datetime) -> Promotion:
        """Queue what is due."""
        waiting = [job for job in self.jobs if job.state in WAITING_FOR_A_TIME and job.run_at is not None]
        due = [job for job in waiting if job.run_at is not None and job.run_at <= now]
        for job in due:
            job.state = JobState.QUEUED
        later = [job.run_at for job in waiting if job.run_at is not None and job.run_at > now]
        return Promotion(count=len(due), next_in=min(later) - now if later else None)

    def prune(self, now: datetime) -> int:
        """Delete what is past its keep time."""
        before = len(self.jobs)
        self.jobs = [job for job in self.jobs if job.expires_at is None or job.expires_at > now]
        return before - len(self.jobs)

    def expired(self, now: datetime) -> set[str]:
        """Return the ids of what dead workers hold."""
        running = [job for job in self.jobs if job.state is JobState.RUNNING]
        return {job.new.id for job in running if not self.is_live(job.worker or "", now)}

    def is_live(self, worker_id: str, now: datetime) -> bool:
        """Whether a worker holds a lease."""
        return worker_id in self.leases and now < self.leases[worker_id]

    def counts(self) -> Counter[tuple[str, str, JobState]]:
        """Count the jobs by queue, task and state."""
        return Counter((job.new.queue, job.new.task, job.state) for job in self.jobs)
