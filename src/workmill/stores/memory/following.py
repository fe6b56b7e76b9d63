"""Who follows whom, and what becomes of followers when a job ends."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from workmill.stores.memory import changes
from workmill.stores.memory.ledger import Ledger
from workmill.stores.memory.undo import Step, Undo
from workmill.words.errors import ParentNotFound
from workmill.words.job import Job, JobState, NewJob
from workmill.words.ties import Needs
from workmill.words.unstarted import not_needed, parent_cancelled, parent_failed


@dataclass(slots=True, kw_only=True)
class Bond:
    """What one job still waits for. It changes in place.

    Attributes:
        named: The parents that the job named, each once.
        by_rule: Those whose end it must await for another reason, whatever becomes of them.
        missing: Those of either that have not ended.
        has_failure: Whether one that was named has failed.
        delay: How long after the last end the job may begin.
    """

    named: dict[str, None]
    by_rule: tuple[str, ...]
    needs: Needs
    delay: timedelta | None
    missing: set[str] = field(default_factory=set)
    named_missing: int = 0
    has_failure: bool = False

    @property
    def parents(self) -> tuple[str, ...]:
        """All of them, those by rule last."""
        return (*self.named, *self.by_rule)


class Following:
    """The bonds by follower, and the followers that have not ended by whom they follow."""

    def __init__(self, ledger: Ledger, undo: Undo) -> None:
        self._ledger = ledger
        self._undo = undo
        self._bonds: dict[str, Bond] = {}
        self._followers: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def begin(
        self, new: NewJob, now: datetime, *, behind: Sequence[str] = (), answers: Mapping[str, str] | None = None
    ) -> Job:
        """Store a new job in the state that those it follows leave it.

        It must await the end of those it is `behind`, too, though it does not name them. `answers` say which job is
        meant by an id that the batch brought.

        Raises:
            ParentNotFound: One that it names is not stored.
        """
        job = changes.stored(new, now)
        if new.after is None and not behind:
            self._ledger.add(job)
            return job
        bond = self._bond(new, behind, answers or {})
        waiting = replace(job, state=JobState.WAITING, run_at=new.run_at)
        begun = self._weighed(waiting, bond, now) or waiting
        self._ledger.add(begun)
        self._keep(begun, bond)
        return begun

    def conclude(self, ended: Sequence[Job], now: datetime) -> list[Job]:
        """Let followers of jobs that have just ended go on or end, and theirs; return all that were changed."""
        changed: list[Job] = []
        front = deque(ended)
        while front:
            parent = front.popleft()
            self._part(parent.id)
            for follower in self._freed(parent, now):
                changed.append(self._ledger.write(follower))
                if follower.state.is_final:
                    front.append(changed[-1])
        return changed

    def parents(self, job_id: str) -> tuple[str, ...]:
        """Return those that a job follows, in the order named, those by rule last."""
        bond = self._bonds.get(job_id)
        return () if bond is None else bond.parents

    def open_parents(self, job_id: str) -> tuple[str, ...]:
        """Return those of them that have not ended."""
        bond = self._bonds.get(job_id)
        return () if bond is None else tuple(parent for parent in bond.parents if parent in bond.missing)

    def is_followed(self, job_id: str) -> bool:
        """Whether one that has not ended follows a job."""
        return job_id in self._followers

    def forget(self, job_id: str) -> None:
        """Forget whom a deleted job followed."""
        self._bonds.pop(job_id, None)

    def _bond(self, new: NewJob, behind: Sequence[str], answers: Mapping[str, str]) -> Bond:
        """Note which parents are missing, and which of those that have ended failed."""
        asked = () if new.after is None else new.after.jobs
        named = {answers.get(parent, parent): None for parent in asked}
        jobs = self._ledger.jobs
        for parent in named:
            if parent not in jobs:
                raise ParentNotFound(new.id, parent)
        bond = Bond(
            named=named,
            by_rule=tuple(dict.fromkeys(parent for parent in behind if parent not in named)),
            needs=Needs.END if new.after is None else new.after.needs,
            delay=new.delay,
        )
        bond.missing = {parent for parent in bond.parents if not jobs[parent].state.is_final}
        bond.named_missing = sum(parent in bond.missing for parent in named)
        bond.has_failure = any(jobs[parent].state is JobState.FAILED for parent in named)
        return bond

    def _weighed(self, waiting: Job, bond: Bond, now: datetime) -> Job | None:
        """Return a new job as those of its parents that have ended already leave it; None where it waits for more."""
        ended = (self._ledger.jobs[parent] for parent in bond.named if parent not in bond.missing)
        spoilt = (after for parent in ended if (after := _spoilt(waiting, bond, parent, now)))
        return next(spoilt, None) or _gone_on(waiting, bond, now)

    def _keep(self, job: Job, bond: Bond) -> None:
        self._bonds[job.id] = bond
        self._undo.note(lambda: self.forget(job.id))
        if not job.state.is_final:
            self._join(job.id, bond)
            self._undo.note(lambda: self._part(job.id))

    def _freed(self, parent: Job, now: datetime) -> list[Job]:
        """Return the followers that wait no more after a parent's end, as they are then."""
        followers = list(self._followers.get(parent.id, ()))
        return [after for follower in followers if (after := self._after(follower, parent, now))]

    def _after(self, follower: str, parent: Job, now: datetime) -> Job | None:
        """Note a parent's end for one follower, and return that as it is then; None where nothing came of it."""
        job, bond = self._ledger.jobs[follower], self._bonds[follower]
        if job.state is not JobState.WAITING or parent.id not in bond.missing:
            return None
        self._undo.note(_restorer(bond, parent.id))
        bond.missing.discard(parent.id)
        if parent.id in bond.named:
            bond.named_missing -= 1
            bond.has_failure = bond.has_failure or parent.state is JobState.FAILED
        return _spoilt(job, bond, parent, now) or _gone_on(job, bond, now)

    def _join(self, job_id: str, bond: Bond) -> None:
        for parent in bond.parents:
            self._followers[parent][job_id] = None

    def _part(self, job_id: str) -> None:
        """Let a job that has ended be no follower any more."""
        bond = self._bonds.get(job_id)
        if bond is None:
            return
        for parent in bond.parents:
            followers = self._followers.get(parent, {})
            followers.pop(job_id, None)
            if not followers:
                self._followers.pop(parent, None)
        self._undo.note(lambda: self._join(job_id, bond))


def _spoilt(job: Job, bond: Bond, parent: Job, now: datetime) -> Job | None:
    """Return a waiting job as it ends where the end of one parent has decided so."""
    if bond.needs is not Needs.SUCCESS or parent.id not in bond.named:
        return None
    if parent.state is JobState.FAILED:
        failed = replace(job, failure=parent_failed(parent.id))
        return changes.finished(failed, JobState.FAILED, job.policy.keep, now)
    if parent.state is JobState.CANCELLED:
        cancelled = replace(job, cancel_reason=parent_cancelled(parent.id))
        return changes.finished(cancelled, JobState.CANCELLED, job.policy.keep, now)
    return None


def _gone_on(job: Job, bond: Bond, now: datetime) -> Job | None:
    """Return a waiting job as it goes on, or ends unneeded, where no parent is missing for that."""
    if bond.needs is Needs.FAILURE and not bond.named_missing and not bond.has_failure:
        unneeded = replace(job, cancel_reason=not_needed())
        return changes.finished(unneeded, JobState.CANCELLED, job.policy.keep, now)
    return None if bond.missing else changes.released(job, bond.delay, now)


def _restorer(bond: Bond, parent: str) -> Step:
    named_missing, has_failure = bond.named_missing, bond.has_failure

    def restore() -> None:
        bond.missing.add(parent)
        bond.named_missing, bond.has_failure = named_missing, has_failure

    return restore
