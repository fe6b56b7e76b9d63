"""What becomes of the jobs that a dead engine child held: each by what is known of its part in that death."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from workmill.running.culprits import culprits
from workmill.running.engine_process import EngineProcess
from workmill.running.overstay import overstay
from workmill.running.patience import until_done
from workmill.running.taking import Taken, take_back
from workmill.store import Store
from workmill.words.emit import Emit
from workmill.words.events import DutyFailed, JobsOverstayed, JobsRescued
from workmill.words.job import Job
from workmill.words.outcome import Cancelled, Failed, Failure, FailureKind, Interrupted, Outcome, Returned

_DUTY = "take back the jobs of a dead engine"


class Burial:
    """Settles what dead children of one worker held. Nothing of a child may run any more when it is buried.

    - One that had to leave its place: jobs that have overstayed get their verdict, the others go back uncounted; but it
      is a death for one whose code has kept the loop from turning that long, so that others overstayed.
    - One that died: a death for the jobs whose code its last stack shows, and the others go back uncounted. Where the
      stack shows none of them, nobody knows whose fault it was, and each of them counts a death.

    Args:
        grace: How long a job may go on when its time is over or it was cancelled.
    """

    def __init__(self, store: Store, worker_id: str, grace: timedelta, *, emit: Emit) -> None:
        self.returned = 0
        """How many jobs went back because their child had to leave."""
        self._store = store
        self._worker_id = worker_id
        self._grace = grace
        self._emit = emit

    async def bury(self, process: EngineProcess) -> None:
        """Settle what a child held, however often the store has to be asked."""
        settle = partial(self._settle, process)
        taken, outcomes = await until_done(_DUTY, settle, emit=self._emit)
        settled = {job_id: outcomes[job_id] for job_id in taken.job_ids}
        self._say(process, settled)
        if process.is_dismissed:
            self.returned += sum(isinstance(outcome, Returned) for outcome in settled.values())
        if taken.refused:
            refused = "; ".join(f"job {job_id}: {error}" for job_id, error in taken.refused)
            self._emit(DutyFailed(duty=_DUTY, error=refused))

    async def _settle(self, process: EngineProcess) -> tuple[Taken, Mapping[str, Outcome]]:
        jobs = await self._store.held(self._worker_id, process.number)
        if process.is_dismissed:
            now = await self._store.now()
            verdicts = [overstay(job, now, self._grace, stack=process.last_stack) for job in jobs]
            other = _outcome_of_blocking(process, self._grace) if any(verdicts) else {}
            outcomes = {job.id: end or other.get(job.id, Returned()) for job, end in zip(jobs, verdicts, strict=True)}
        else:
            outcomes = self._outcomes_of_death(process, jobs)
        return await take_back(self._store, jobs, lambda job: outcomes[job.id]), outcomes

    def _outcomes_of_death(self, process: EngineProcess, jobs: Sequence[Job]) -> dict[str, Outcome]:
        guilty = culprits(jobs, process.codes, process.last_stack) or {job.id for job in jobs}
        failure = Failure(
            kind=FailureKind.INTERRUPTED,
            type="EngineDied",
            message=self._why(process),
            traceback=process.last_stack,
        )
        death = Interrupted(failure=failure)
        return {job.id: death if job.id in guilty else Returned() for job in jobs}

    def _say(self, process: EngineProcess, settled: Mapping[str, Outcome]) -> None:
        ended = tuple(each for each, outcome in settled.items() if isinstance(outcome, Failed | Cancelled))
        if ended:
            self._emit(JobsOverstayed(job_ids=ended, why=f"their process {process.pid} was killed"))
        died = tuple(each for each, outcome in settled.items() if isinstance(outcome, Interrupted))
        if died:
            self._emit(JobsRescued(job_ids=died, why=self._why(process)))

    def _why(self, process: EngineProcess) -> str:
        how = process.how_it_ended
        return f"engine process {process.pid} of worker {self._worker_id} died while the job ran: {how}"


def _outcome_of_blocking(process: EngineProcess, grace: timedelta) -> dict[str, Outcome]:
    """Return the outcome of the job that kept the others from ending, where there is one: else it would do so again."""
    pong = process.pong
    if pong.job_id is None or pong.lag_seconds < grace.total_seconds():
        return {}
    message = f"its code kept the event loop from turning for {pong.lag_seconds:.1f} s, while other jobs had to end"
    failure = Failure(kind=FailureKind.INTERRUPTED, type="LoopBlocked", message=message, traceback=pong.stack)
    return {pong.job_id: Interrupted(failure=failure)}
