"""Bugs planted in the rules of the memory room: each is what a careless store would do."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from unittest.mock import patch

from workmill.store import Enqueued, Verdict
from workmill.stores.memory import MemoryStore, firing
from workmill.stores.memory.following import Bond, Following
from workmill.stores.memory.rules import Rules
from workmill.stores.memory.schedules import Schedules
from workmill.stores.memory.slots import Slots
from workmill.stores.memory.starts import Starts
from workmill.stores.memory.subjects import Subject, of_job
from workmill.words.errors import UniqueConflict
from workmill.words.job import Ending, Job, JobState, NewJob
from workmill.words.schedule import Schedule, Tick
from workmill.words.transition import Transition

# ruff: noqa: SLF001 - a planted bug reaches into the room it spoils


def unique_checked_then_stored() -> AbstractContextManager[object]:
    """Look for a job like the new one, wait a moment, and store."""
    right = MemoryStore.enqueue

    async def enqueue(store: MemoryStore, jobs: Sequence[NewJob]) -> list[Enqueued]:
        vault, now = store._vault, await store.now()
        for new in jobs:
            there = None if new.id in vault.ledger.jobs else vault.slots.in_the_way(new, now)
            if there is not None:
                raise UniqueConflict(there.id, there.task, there.state)
        await asyncio.sleep(0)
        with patch.object(Slots, "in_the_way", lambda *_: None):
            return await right(store, jobs)

    return patch.object(MemoryStore, "enqueue", enqueue)


def one_too_many_begins() -> AbstractContextManager[object]:
    """Compare the number that runs with the limit the wrong way at its edge."""

    def is_full(rules: Rules, subject: Subject) -> bool:
        rule = rules._in_force.get(subject[:2])
        return rule is not None and rule.running is not None and rules._running.get(subject, 0) > rule.running

    return patch.object(Rules, "is_full", is_full)


def slot_of_a_dead_attempt_leaks() -> AbstractContextManager[object]:
    """Count slots up and down, and forget to count down where a worker died."""
    right = MemoryStore._settle

    def settle(store: MemoryStore, transition: Transition, now: datetime) -> Verdict:
        verdict = right(store, transition, now)
        if verdict is Verdict.APPLIED and transition.ending is Ending.INTERRUPTED:
            ledger = store._vault.ledger
            for subject in of_job(ledger.jobs[transition.job_id]):
                ledger.running[subject] = ledger.running.get(subject, 0) + 1
        return verdict

    return patch.object(MemoryStore, "_settle", settle)


def rate_in_fixed_windows() -> AbstractContextManager[object]:
    """Count the beginnings of each stretch between two strokes of the clock by itself."""
    right = Starts.opens_at

    def opens_at(starts: Starts, subject: Subject, now: datetime) -> datetime | None:
        opens = right(starts, subject, now)
        return None if opens is not None and int(opens.timestamp()) % 5 < int(now.timestamp()) % 5 else opens

    return patch.object(Starts, "opens_at", opens_at)


def tick_fired_twice() -> AbstractContextManager[object]:
    """Store the jobs of a tick, and now and then forget that it was fired."""
    right = firing._after

    def after(made: Schedule, tick: Tick, now: datetime) -> Schedule:
        fired = right(made, tick, now)
        is_forgotten = made.plan.pause is None and tick.version is not None and made.version % 2
        return replace(fired, next_at=made.next_at) if is_forgotten else fired

    return patch.object(firing, "_after", after)


def loop_forgotten() -> AbstractContextManager[object]:
    """Leave a loop without its next time when its job has ended."""
    return patch.object(Schedules, "follow", lambda *_: None)


def waiting_parent_not_waited_for() -> AbstractContextManager[object]:
    """Wait only for those that do not wait themselves."""
    right = Following._bond

    def bond(following: Following, new: NewJob, *others: object) -> Bond:
        made = right(following, new, *others)  # type: ignore[arg-type] # whatever else it takes
        jobs = following._ledger.jobs
        made.missing = {parent for parent in made.missing if jobs[parent].state is not JobState.WAITING}
        return made

    return patch.object(Following, "_bond", bond)


def last_parent_lost() -> AbstractContextManager[object]:
    """See only to the followers of the first of several jobs that end at once."""
    right = Following.conclude

    def conclude(following: Following, ended: Sequence[Job], now: datetime) -> list[Job]:
        return right(following, ended[:1], now)

    return patch.object(Following, "conclude", conclude)
