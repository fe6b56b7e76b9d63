"""Which job was stored last under a name for its task."""

from datetime import datetime
from typing import TypeAlias

from workmill.stores.memory.ledger import Ledger
from workmill.stores.memory.undo import Undo
from workmill.words.clock import later
from workmill.words.job import Job, JobState, NewJob
from workmill.words.unique import Uniqueness

Slot: TypeAlias = tuple[str, str]
"""A task and a name."""


class Slots:
    """A slot for each name of each task; it holds the job that was stored last under it, as long as that is kept.

    Beside it stands the job that its holder replaced while that ran, and was to wait for. Nothing is released: whether
    either is in anybody's way is seen when somebody asks.
    """

    def __init__(self, ledger: Ledger, undo: Undo) -> None:
        self._jobs = ledger.jobs
        self._undo = undo
        self._holders: dict[Slot, tuple[str, str | None]] = {}
        self._slots: dict[str, Slot] = {}

    def in_the_way(self, new: NewJob, now: datetime) -> Job | None:
        """Return the job that a new one conflicts with."""
        if new.unique is None:
            return None
        holders = self._holders.get((new.task, new.unique.name), ())
        jobs = (self._jobs.get(job_id) for job_id in holders if job_id is not None)
        return next((job for job in jobs if job is not None and _conflicts(new.unique, job, now)), None)

    def awaited(self, new: NewJob) -> tuple[str, ...]:
        """Return the job, if it runs still, for whose end the last under a new one's name was to wait."""
        holders = () if new.unique is None else self._holders.get((new.task, new.unique.name), ())
        jobs = (self._jobs.get(job_id) for job_id in holders[1:] if job_id is not None)
        return tuple(job.id for job in jobs if job is not None and job.state is JobState.RUNNING)

    def take(self, new: NewJob, replaced: Job | None) -> None:
        """Let a job that was stored just now be the last under its name, and note whom it replaced."""
        if new.unique is None:
            return
        slot = (new.task, new.unique.name)
        before = self._holders.get(slot)
        self._put(slot, (new.id, _awaited(replaced, before)))
        self._undo.note(lambda: self.forget(new.id) if before is None else self._put(slot, before))

    def forget(self, job_id: str) -> None:
        """Forget a deleted job. One that holds no slot is no error."""
        slot = self._slots.pop(job_id, None)
        if slot is not None:
            del self._holders[slot]

    def _put(self, slot: Slot, holders: tuple[str, str | None]) -> None:
        before = self._holders.get(slot)
        if before is not None:
            del self._slots[before[0]]
        self._holders[slot] = holders
        self._slots[holders[0]] = slot


def _conflicts(unique: Uniqueness, job: Job, now: datetime) -> bool:
    is_past = unique.within is not None and later(job.created_at, unique.within) <= now
    return job.state in unique.states and not is_past


def _awaited(replaced: Job | None, before: tuple[str, str | None] | None) -> str | None:
    """Return the running job that a new one must wait for: the one it replaced, or the one which that waited for."""
    if replaced is None:
        return None
    if replaced.state is JobState.RUNNING:
        return replaced.id
    return None if before is None else before[1]
