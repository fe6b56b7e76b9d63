"""How new jobs are stored: each is looked at in its turn. All of it with the vault's lock held."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from workmill.store import Enqueued
from workmill.stores.memory.ending import cancel, conclude
from workmill.stores.memory.vault import Vault
from workmill.words.errors import JobConflict, QueueFull, UniqueConflict
from workmill.words.job import Job, JobState, NewJob
from workmill.words.unique import OnConflict
from workmill.words.unstarted import replaced_by


@dataclass(slots=True, kw_only=True)
class Stored:
    """What became of a batch: the answers, and the jobs that were changed because others took their place."""

    enqueued: list[Enqueued] = field(default_factory=list)
    changed: list[Job] = field(default_factory=list)


def store(vault: Vault, jobs: Sequence[NewJob], now: datetime) -> Stored:
    """Store new jobs, all or none.

    Raises:
        JobConflict, ParentNotFound, QueueFull, UniqueConflict: As for `enqueue`.
    """
    with vault.undo.all_or_none():
        return store_each(vault, jobs, now)


def store_each(vault: Vault, jobs: Sequence[NewJob], now: datetime) -> Stored:
    """Store new jobs one after the other; where one is refused, to take back the others is for the caller."""
    stored, answers = Stored(), dict[str, str]()
    for new in jobs:
        one = _known(vault, new) or _unless_in_the_way(vault, new, now, stored.changed, answers)
        if one is not None:
            if one.created and vault.rules:
                _check_bound(vault, one.job)
            stored.enqueued.append(one)
            answers[new.id] = one.job.id
    return stored


def store_one(
    vault: Vault, new: NewJob, now: datetime, changed: list[Job], *, behind: tuple[str, ...] = ()
) -> Enqueued | None:
    """Store a new job that awaits the end of those it is `behind`, also where its queue is full.

    To take back what it did where it is refused is for the caller; `changed` gets the jobs that were changed for it.
    """
    return _known(vault, new) or _unless_in_the_way(vault, new, now, changed, {}, behind=behind)


def _known(vault: Vault, new: NewJob) -> Enqueued | None:
    """Return the job that is stored already under the same id or key."""
    if earlier := vault.ledger.jobs.get(new.id):
        return Enqueued(job=earlier, created=False)
    named = vault.ledger.keyed(new.task, new.key)
    if named is None:
        return None
    if named.args != new.args:
        raise JobConflict(named.id, f"key {new.key!r} of task {new.task!r} names it, with other arguments")
    return Enqueued(job=named, created=False)


def _unless_in_the_way(
    vault: Vault,
    new: NewJob,
    now: datetime,
    changed: list[Job],
    answers: dict[str, str],
    *,
    behind: tuple[str, ...] = (),
) -> Enqueued | None:
    """Store a new job, or do what it says where there is one like it already."""
    there = None if new.unique is None else vault.slots.in_the_way(new, now)
    if new.unique is not None and there is not None:
        match new.unique.on_conflict:
            case OnConflict.REJECT:
                raise UniqueConflict(there.id, there.task, there.state)
            case OnConflict.RETURN:
                return Enqueued(job=there, created=False)
            case OnConflict.SKIP:
                answers[new.id] = there.id
                return None
            case OnConflict.REPLACE:
                behind += vault.slots.awaited(new)
                behind += _make_way(vault, there, replaced_by(new.id), now, changed)
    job = vault.following.begin(new, now, behind=behind, answers=answers)
    if new.unique is not None:
        vault.slots.take(new, there)
    return Enqueued(job=job, created=True)


def _make_way(vault: Vault, there: Job, reason: str, now: datetime, changed: list[Job]) -> tuple[str, ...]:
    """Cancel the job whose place a new one takes, and return those for whose end the new one must wait."""
    is_waiting = there.state is JobState.WAITING
    behind = vault.following.open_parents(there.id) if is_waiting else (there.id,) * (there.state is JobState.RUNNING)
    after = cancel(vault, there.id, reason, now)
    if after is not None:
        changed += [after, *conclude(vault, [after], now)]
    return behind


def _check_bound(vault: Vault, job: Job) -> None:
    """Refuse a job that was stored just now where its queue holds more than it may."""
    bound = vault.rules.bound(job.queue)
    if bound is not None and not job.state.is_final and vault.ledger.unbegun(job.queue) > bound:
        raise QueueFull(job.queue, bound)
