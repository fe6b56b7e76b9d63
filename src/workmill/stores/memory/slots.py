"""Which job was stored last under a name for its task."""

from collections.abc import Mapping
from datetime import datetime

from workmill.stores.memory.undo import Undo
from workmill.words.clock import later
from workmill.words.job import Job, NewJob


class Slots:
    """A slot for each name of each task; it holds the job that was stored last under it, as long as that is kept.

    Nothing is released: whether the job in a slot is in anybody's way is seen when somebody asks.
    """

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._holders: dict[tuple[str, str], str] = {}
        self._slots: dict[str, tuple[str, str]] = {}

    def in_the_way(self, new: NewJob, jobs: Mapping[str, Job], now: datetime) -> Job | None:
        """Return the job that a new one conflicts with."""
        if new.unique is None:
            return None
        holder = self._holders.get((new.task, new.unique.name))
        if holder is None or jobs[holder].state not in new.unique.states:
            return None
        within = new.unique.within
        is_past = within is not None and later(jobs[holder].created_at, within) <= now
        return None if is_past else jobs[holder]

    def take(self, new: NewJob) -> None:
        """Let a job that was stored just now be the last under its name."""
        if new.unique is None:
            return
        slot = (new.task, new.unique.name)
        before = self._holders.get(slot)
        self._put(slot, new.id)
        self._undo.note(lambda: self.forget(new.id) if before is None else self._put(slot, before))

    def forget(self, job_id: str) -> None:
        """Forget a deleted job. One that holds no slot is no error."""
        slot = self._slots.pop(job_id, None)
        if slot is not None:
            del self._holders[slot]

    def _put(self, slot: tuple[str, str], job_id: str) -> None:
        before = self._holders.get(slot)
        if before is not None:
            del self._slots[before]
        self._holders[slot] = job_id
        self._slots[job_id] = slot
