"""The reference that every room is compared with: the suite's model, and beside it keys, results, progress, leaders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workmill.store import JobFilter, Renewal, Report, Verdict
from workmill.testing.conformance.model import Expected, Model
from workmill.words.job import Ending, Job, JobState, NewJob, Progress
from workmill.words.order import Order
from workmill.words.outcome import Failure
from workmill.words.transition import Transition


class Conflict(Exception):
    """A key is in use for other arguments; nothing was stored."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


@dataclass(slots=True, kw_only=True)
class Outcomes:
    """What is known of a job beside its state."""

    result: bytes | None = None
    failure: Failure | None = None
    progress: Progress | None = None
    is_forced: bool = False


class Reference(Model):
    """Slow and plain: every verb as its docstring says it."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, Outcomes] = {}
        self.lengths: dict[str, timedelta] = {}
        self.orders: dict[str, Order] = {}
        self._leader = ""

    def store(self, batch: Sequence[NewJob], now: datetime) -> list[tuple[str, bool]]:
        """Store jobs, all or none; answer each one's id and whether it was created.

        Raises:
            Conflict: A key is in use for other arguments.
        """
        before, answers = list(self.jobs), []
        for new in batch:
            known = self.known(new)
            if known is not None and known.new.id != new.id and known.new.args != new.args:
                self.jobs = before
                raise Conflict(known.new.id)
            if known is None:
                self.enqueue(new, now)
                self.outcomes[new.id] = Outcomes()
            answers.append((new.id if known is None else known.new.id, known is None))
        return answers

    def known(self, new: NewJob) -> Expected | None:
        """Return the stored job of the same id, else of the same key."""
        same = [job for job in self.jobs if job.new.id == new.id]
        keyed = [job for job in self.jobs if new.key and (job.new.task, job.new.key) == (new.task, new.key)]
        return next(iter(same + keyed), None)

    def settle(self, transition: Transition, now: datetime) -> Verdict:
        """End one attempt, and keep what came of it."""
        verdict = super().settle(transition, now)
        if verdict is Verdict.APPLIED:
            kept = self.outcomes[transition.job_id]
            kept.result = transition.result
            is_good = transition.ending is Ending.SUCCEEDED
            kept.failure = transition.failure or (None if is_good else kept.failure)
        return verdict

    def report(self, report: Report) -> bool:
        """Keep a progress of the newest claim."""
        job = next((job for job in self.jobs if job.new.id == report.job_id), None)
        if job is None or job.state is not JobState.RUNNING or job.token != report.token:
            return False
        self.outcomes[report.job_id].progress = report.progress
        return True

    def register(self, worker_id: str, length: timedelta, now: datetime) -> None:
        """Give a lease to who is new or lives."""
        if worker_id not in self.leases or self.is_live(worker_id, now):
            self.lengths[worker_id] = length
            self.leases[worker_id] = now + length

    def renew(self, worker_id: str, now: datetime) -> Renewal:
        """Prolong a live lease; who asks leads where nobody live does."""
        if not self.is_live(worker_id, now):
            return Renewal(is_live=False, is_leader=False)
        self.leases[worker_id] = now + self.lengths[worker_id]
        if not self.is_live(self._leader, now):
            self._leader = worker_id
        order = self.orders.get(worker_id, Order.WORK)
        return Renewal(is_live=True, is_leader=self._leader == worker_id, order=order)

    def order(self, worker_id: str, order: Order, now: datetime) -> bool:
        """Give an order to who lives, unless it was told to stop."""
        is_live = self.is_live(worker_id, now)
        if is_live and self.orders.get(worker_id) is not Order.STOP:
            self.orders[worker_id] = order
        return is_live

    def cancel(self, job_id: str, now: datetime, *, force: bool = False) -> None:
        """Cancel a job that is stored."""
        (job,) = [job for job in self.jobs if job.new.id == job_id]
        kept = self.outcomes[job_id]
        kept.is_forced = kept.is_forced or (force and not job.state.is_final)
        super().cancel(job_id, now)

    def leave(self, worker_id: str, now: datetime) -> None:
        """End a live lease."""
        if self.is_live(worker_id, now):
            self.leases[worker_id] = now

    def held(self, worker_id: str) -> set[str]:
        """Return the ids of what a worker holds."""
        return {job.new.id for job in self.jobs if job.state is JobState.RUNNING and job.worker == worker_id}

    def found(self, wanted: JobFilter) -> list[str]:
        """Return the ids of the jobs that match, newest first."""
        return [
            job.new.id
            for job in reversed(self.jobs)
            if (not wanted.states or job.state in wanted.states)
            and (not wanted.tasks or job.new.task in wanted.tasks)
            and (not wanted.queues or job.new.queue in wanted.queues)
        ]

    def difference(self, job: Job, expected: Expected) -> str:
        """Say how a stored job differs from what is expected; empty where it does not."""
        kept = self.outcomes[job.id]
        if not expected.is_like(job):
            return f"{expected} is stored as {job}"
        mine = (kept.result, kept.failure, kept.progress, kept.is_forced, expected.new.retry_of)
        its = (job.result, job.failure, job.progress, job.cancel_forced, job.retry_of)
        return "" if mine == its else f"{mine} is stored as {its}"
