"""The rescuer: takes back the jobs of workers whose lease has ended."""

from workmill.running.duty import Duty
from workmill.running.taking import take_back
from workmill.store import Store
from workmill.words.emit import Emit
from workmill.words.events import DutyFailed, JobsRescued
from workmill.words.job import Job
from workmill.words.outcome import Failure, FailureKind, Interrupted

BATCH = 500
POLL_SECONDS = 2.0
BREATH_SECONDS = 0.05
NAME = "rescue"


def rescuer(store: Store, *, emit: Emit) -> Duty:
    """Settle the jobs of dead workers as interrupted, and look again every two seconds."""
    return Duty(NAME, _Rescue(store, emit).rescue, emit=emit)


class _Rescue:
    def __init__(self, store: Store, emit: Emit) -> None:
        self._store = store
        self._emit = emit
        self._stuck = 0

    async def rescue(self) -> float:
        # Those that could not be settled come again: asking for so many more keeps them from filling the batch.
        limit = BATCH + self._stuck
        jobs = await self._store.expired(limit)
        taken = await take_back(self._store, jobs, _interrupted)
        self._stuck = len(taken.refused)
        if taken.job_ids:
            self._emit(JobsRescued(job_ids=tuple(taken.job_ids), why="their worker's lease ended"))
        if taken.refused:
            self._emit(DutyFailed(duty=NAME, error="; ".join(f"job {job}: {why}" for job, why in taken.refused)))
        return BREATH_SECONDS if len(jobs) >= limit else POLL_SECONDS


def _interrupted(job: Job) -> Interrupted:
    message = f"the lease of worker {job.worker} ended: it died, was frozen, or could not reach the store"
    return Interrupted(failure=Failure(kind=FailureKind.INTERRUPTED, type="LeaseEnded", message=message))
