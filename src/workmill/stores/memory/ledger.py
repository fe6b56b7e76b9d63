"""The stored jobs with every index over them, changed in one place so that none can disagree."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from workmill.stores.memory import changes
from workmill.stores.memory.flows import Flows
from workmill.stores.memory.lanes import Lanes
from workmill.stores.memory.line import Line, Turn
from workmill.stores.memory.made import Made
from workmill.stores.memory.subjects import Subject, gates_of, of_job
from workmill.stores.memory.undo import Undo
from workmill.words.job import FINAL_STATES, Attempt, Job, JobState

Tally: TypeAlias = tuple[str, str, JobState]
"""What jobs are counted by: queue, task, state."""
UNBEGUN = frozenset({JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.RETRYING})


class Ledger:
    """Jobs by id, and who is next to run, next to be due, next to be pruned, and in whose hands.

    A job's *place* is its number in the order of storing. It never changes.
    """

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self.jobs: dict[str, Job] = {}
        self.attempts: dict[str, list[Attempt]] = {}
        self.tallies: dict[Tally, int] = {}
        self.running: dict[Subject, int] = {}
        self.lanes = Lanes()
        self.due: Line[tuple[datetime, int]] = Line()
        self.lapsing: Line[tuple[datetime, int]] = Line()
        self.expiring: Line[tuple[datetime, int]] = Line()
        self.flows = Flows()
        self.made = Made()
        self._keys: dict[tuple[str, str], str] = {}
        self._places: dict[str, int] = {}
        self._holdings: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._next_place = 0

    def add(self, job: Job) -> None:
        """Store a new job, last in the order."""
        self._places[job.id] = self._next_place
        self._next_place += 1
        self.jobs[job.id] = job
        self.attempts[job.id] = []
        if job.key is not None:
            self._keys[job.task, job.key] = job.id
        self._enter(job)
        if self._undo.is_open:
            self._undo.note(lambda: self.delete(job.id))

    def write(self, job: Job) -> Job:
        """Store a job's new state in place of its old one, and return it with its version raised, if it is not yet."""
        before = self.jobs[job.id]
        after = job if job.version > before.version else replace(job, version=before.version + 1)
        self._exchange(before, after)
        if self._undo.is_open:
            self._undo.note(lambda: self._exchange(after, before))
        return after

    def delete(self, job_id: str) -> None:
        """Forget a job, its attempts and its key."""
        job = self.jobs.pop(job_id)
        self._leave(job)
        self.flows.forget(job)
        del self.attempts[job_id], self._places[job_id]
        if job.key is not None:
            del self._keys[job.task, job.key]

    def put_off(self, job_id: str, until: datetime) -> None:
        """Let a final job that could be pruned stay until a moment."""
        self.expiring.put(job_id, (until, self._places[job_id]))

    def unbegun(self, queue: str) -> int:
        """Return how many jobs of a queue have not begun, those to run again among them."""
        return sum(jobs for (on, _, state), jobs in self.tallies.items() if on == queue and state in UNBEGUN)

    def keyed(self, task: str, key: str | None) -> Job | None:
        """Return the job that a task's key names."""
        job_id = None if key is None else self._keys.get((task, key))
        return None if job_id is None else self.jobs[job_id]

    def held_by(self, worker_id: str) -> list[Job]:
        """Return the running jobs of a worker, the longest held first."""
        return [self.jobs[job_id] for job_id in self._holdings.get(worker_id, ())]

    def holders(self) -> list[str]:
        """Return the workers that hold running jobs, live or not."""
        return list(self._holdings)

    def turn(self, job: Job) -> Turn:
        """Return when a job is next among queued ones."""
        return (-job.priority, self._places[job.id])

    def newest_first(self, before: int | None) -> Iterator[tuple[int, Job]]:
        """Yield the jobs stored before a place (None: all) with their places, the newest first."""
        for job_id in reversed(self.jobs):
            place = self._places[job_id]
            if before is None or place < before:
                yield place, self.jobs[job_id]

    def _exchange(self, before: Job, after: Job) -> None:
        self._leave(before)
        self.jobs[after.id] = after
        self._enter(after)

    def _enter(self, job: Job) -> None:
        tally = (job.queue, job.task, job.state)
        self.tallies[tally] = self.tallies.get(tally, 0) + 1
        place = self._places[job.id]
        if job.ties is not None:
            self.flows.enter(job, place)
        self.made.enter(job, place)
        if job.policy.expires is not None and (begin_by := changes.begin_by(job)) is not None:
            self.lapsing.put(job.id, (begin_by, place))
        if job.state is JobState.QUEUED:
            self.lanes.put(job, (-job.priority, place))
        elif job.state is JobState.RUNNING and job.worker is not None:
            self._holdings[job.worker][job.id] = None
            for subject in of_job(job):
                self.running[subject] = self.running.get(subject, 0) + 1
        elif job.state in FINAL_STATES and job.expires_at is not None:
            self.expiring.put(job.id, (job.expires_at, place))
        elif job.state is not JobState.WAITING and job.run_at is not None:
            self.due.put(job.id, (job.run_at, place))

    def _leave(self, job: Job) -> None:
        tally = (job.queue, job.task, job.state)
        self.tallies[tally] -= 1
        if not self.tallies[tally]:
            del self.tallies[tally]
        if job.ties is not None:
            self.flows.leave(job)
        self.made.leave(job)
        if job.policy.expires is not None:
            self.lapsing.drop(job.id)
        if job.state is JobState.QUEUED:
            self.lanes.drop(job)
        elif job.state is JobState.RUNNING and job.worker is not None:
            self._release(job, job.worker)
        elif job.state in FINAL_STATES:
            self.expiring.drop(job.id)
        else:
            self.due.drop(job.id)

    def _release(self, job: Job, worker: str) -> None:
        """Note that a job runs no more, or is about to be written as it runs on."""
        holding = self._holdings[worker]
        del holding[job.id]
        if not holding:
            del self._holdings[worker]
        for subject in of_job(job):
            self.running[subject] -= 1
            if not self.running[subject]:
                del self.running[subject]
        for subject in gates_of(job):
            self.lanes.reopen(subject)
