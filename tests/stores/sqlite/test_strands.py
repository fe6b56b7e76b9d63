"""Strands and gates in the file: what is kept of them is true after whatever happened, and nothing is left behind."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stores.sqlite.caller import SqliteCaller
from tests.stores.sqlite.conftest import NewStore, Raw
from workmill.stores.sqlite import SqliteStore
from workmill.stores.sqlite.driver import DriverName
from workmill.testing.conformance.harness import SteppedClock
from workmill.testing.conformance.making import (
    DONE,
    SECOND,
    TASK,
    add,
    end,
    ended,
    hired,
    new_job,
    request,
    running,
    stored,
)
from workmill.words.errors import UniqueConflict
from workmill.words.job import Job, JobState, NewJob
from workmill.words.limit import Gate, Rate, Rule, Scope
from workmill.words.policy import Policy
from workmill.words.ties import Ties
from workmill.words.unique import OnConflict, Uniqueness

STEPS = 150
TASKS = (TASK, "shrink")
BRIEF = Policy(keep=SECOND)
ONE_PER_TENANT = Rule(scope=Scope.KEY, name="tenant", running=1)
GATED = Ties(gates=(Gate(name="tenant", key="a"),))
TABLES = ("strand", "gate", "pass", "slot", "start", "job")

IS_CLOSED = """(
    gate.opens_at IS NOT NULL
    OR EXISTS (SELECT 1 FROM rule WHERE scope = 'key' AND name = gate.name AND running <= gate.running)
)"""
UNTRUE = {
    "a gate's running": """
        SELECT gate.id FROM gate WHERE running <> (
            SELECT count(*) FROM job JOIN pass ON pass.strand = job.strand
            WHERE job.state = 'running' AND pass.gate = gate.id
        )
    """,
    "a strand's head": """
        SELECT id FROM strand WHERE head IS NOT (
            SELECT seq FROM job WHERE state = 'queued' AND job.strand = strand.id
            ORDER BY priority DESC, seq LIMIT 1
        )
    """,
    "which passes are free": """
        SELECT strand.id FROM strand JOIN pass ON pass.strand = strand.id
        WHERE pass.is_free <> (strand.head IS NOT NULL AND strand.held_by IS NULL)
    """,
    "what a closed gate holds": f"""
        SELECT gate.id FROM gate JOIN pass ON pass.gate = gate.id WHERE pass.is_free = 1 AND {IS_CLOSED}
    """,
    "what an open gate holds": f"""
        SELECT strand.id FROM strand JOIN gate ON gate.id = strand.held_by
        WHERE strand.head IS NOT NULL AND NOT {IS_CLOSED} AND NOT (gate.is_ajar = 1 AND EXISTS (
            SELECT 1 FROM strand AS other JOIN pass ON pass.strand = other.id AND pass.gate = gate.id
            WHERE pass.is_free = 1 AND other.task = strand.task AND other.queue = strand.queue
            AND (-other.priority, other.head) < (-strand.priority, strand.head)
        ))
    """,
    "the tally": """
        SELECT state, task, queue FROM tally WHERE jobs <> (
            SELECT count(*) FROM job
            WHERE job.state = tally.state AND job.task = tally.task AND job.queue = tally.queue
        )
    """,
}


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def store(path: Path, new_store: NewStore, clock: SteppedClock) -> AsyncIterator[SqliteStore]:
    """A store whose clock the test moves."""
    store = new_store(path, clock=clock)
    await store.open()
    yield store
    await store.close()


class Crowd:
    """Many strands that share gates which open and close all the time."""

    def __init__(self, store: SqliteStore, clock: SteppedClock, seed: int) -> None:
        self._store = store
        self._clock = clock
        self._chance = random.Random(seed)
        self._most = {"tenant": 2, "user": 1}
        self._running: list[Job] = []
        self._queued: list[Job] = []

    async def begin(self) -> None:
        """Have a worker and rules."""
        self._worker = await hired(self._store, lease=timedelta(hours=1))
        await self._set_rule("tenant")
        await self._set_rule("user")

    async def step(self) -> None:
        """Do one thing."""
        verbs = [self._enqueue, self._enqueue, self._claim, self._claim, self._settle, self._settle, self._cancel]
        await self._chance.choice([*verbs, self._change, self._pass_time])()

    async def _enqueue(self) -> None:
        batch = [self._new_job() for _ in range(self._chance.randint(1, 12))]
        self._queued += [each.job for each in await self._store.enqueue(batch)]

    def _new_job(self) -> NewJob:
        chance = self._chance
        gates = (Gate(name="tenant", key=chance.choice("ab")), Gate(name="user", key=str(chance.randint(1, 15))))
        passed = chance.choice([gates, gates, gates[:1], gates[1:]])
        return new_job(task=chance.choice(TASKS), priority=chance.randint(0, 2), ties=Ties(gates=passed))

    async def _claim(self) -> None:
        tasks = self._chance.choice([TASKS, TASKS[:1], TASKS[1:]])
        limit = self._chance.randint(1, 6)
        expected = self._allowed(tasks)[:limit]
        taken = await self._store.claim(request(self._worker, tasks=tasks, limit=limit))
        assert [job.id for job in taken] == expected
        self._running += taken
        self._queued = [job for job in self._queued if job.id not in expected]

    def _allowed(self, tasks: tuple[str, ...]) -> list[str]:
        """Return who may begin, in order."""
        busy = Counter(gate for job in self._running for gate in gates_of(job))
        allowed = []
        for job in sorted(self._queued, key=lambda job: -job.priority):
            if job.task in tasks and all(busy[gate] < self._most[gate.name] for gate in gates_of(job)):
                busy.update(gates_of(job))
                allowed.append(job.id)
        return allowed

    async def _settle(self) -> None:
        ended = [self._running.pop(0) for _ in range(min(len(self._running), self._chance.randint(1, 3)))]
        await self._store.settle([end(job) for job in ended])

    async def _cancel(self) -> None:
        cancelled = self._chance.sample(self._queued, min(len(self._queued), 3))
        await self._store.cancel([job.id for job in cancelled], None)
        self._queued = [job for job in self._queued if job not in cancelled]

    async def _change(self) -> None:
        name = self._chance.choice(("tenant", "user"))
        self._most[name] = self._chance.choice((0, 1, 2, 3))
        await self._set_rule(name)

    async def _set_rule(self, name: str) -> None:
        await self._store.set_rules([Rule(scope=Scope.KEY, name=name, running=self._most[name])])

    async def _pass_time(self) -> None:
        self._clock.advance(SECOND)
        await self._store.promote(10)


class HurriedCrowd(Crowd):
    """The same where a rate lets tenants begin no more than two jobs in two seconds."""

    async def _claim(self) -> None:
        tasks = self._chance.choice([TASKS, TASKS[:1], TASKS[1:]])
        taken = await self._store.claim(request(self._worker, tasks=tasks, limit=self._chance.randint(1, 6)))
        self._running += taken
        self._queued = [job for job in self._queued if job.id not in {each.id for each in taken}]

    async def _set_rule(self, name: str) -> None:
        rate = Rate(2, per=2) if name == "tenant" else None
        await self._store.set_rules([Rule(scope=Scope.KEY, name=name, running=self._most[name], rate=rate)])


def gates_of(job: Job) -> tuple[Gate, ...]:
    assert job.ties is not None
    return job.ties.gates


@pytest.mark.parametrize("kind", [Crowd, HurriedCrowd])
@pytest.mark.parametrize("seed", range(4))
async def test_what_is_kept_is_true_after_every_step(
    store: SqliteStore, raw: Raw, clock: SteppedClock, kind: type[Crowd], seed: int
) -> None:
    crowd = kind(store, clock, seed)
    await crowd.begin()

    for _ in range(STEPS):
        await crowd.step()
        assert {what: raw.execute(found) for what, found in UNTRUE.items()} == {what: [] for what in UNTRUE}


async def test_nothing_is_left_behind(store: SqliteStore, raw: Raw, clock: SteppedClock) -> None:
    await store.set_rules([Rule(scope=Scope.KEY, name="tenant", running=1, rate=Rate(5, per=1))])
    for _ in range(2):
        await ended(store, DONE, new_job(ties=GATED, unique=Uniqueness(name="one"), policy=BRIEF))
        clock.advance(SECOND)

    clock.advance(SECOND)
    await store.prune(10)

    assert {table: raw.execute(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES} == dict.fromkeys(TABLES, 0)


async def test_strand_stays_as_long_as_a_job_is_stored_that_stood_in_it(
    store: SqliteStore, raw: Raw, clock: SteppedClock
) -> None:
    await ended(store, DONE, new_job(ties=GATED, policy=BRIEF))
    kept = await add(store, new_job(ties=GATED))
    clock.advance(2 * SECOND)

    assert await store.prune(10) == 1

    assert raw.execute("SELECT count(*) FROM strand") == [(1,)]
    assert [job.id for job in await store.claim(request(await hired(store)))] == [kept.id]


async def test_place_that_is_given_again_is_in_nobodys_way(store: SqliteStore, raw: Raw, clock: SteppedClock) -> None:
    unique = Uniqueness(name="one")
    first = await ended(store, DONE, new_job(unique=unique, policy=BRIEF))
    clock.advance(2 * SECOND)
    await store.prune(10)
    heir = await add(store, new_job())

    (enqueued,) = await store.enqueue([new_job(unique=unique)])

    assert enqueued.created
    assert raw.execute("SELECT min(seq) FROM job WHERE id IN (?, ?)", (first.id, heir.id)) == [(1,)]


async def test_running_one_is_awaited_though_its_successor_is_not_kept_any_more(
    store: SqliteStore, clock: SteppedClock
) -> None:
    there = await running(store, new_job(unique=Uniqueness(name="one")))
    replacing = Uniqueness(name="one", on_conflict=OnConflict.REPLACE)
    successor = await add(store, new_job(unique=replacing, policy=BRIEF))
    await store.cancel([successor.id], None)
    clock.advance(timedelta(hours=2))
    await store.prune(10)
    clock.advance(timedelta(hours=2))
    await store.prune(10)

    with pytest.raises(UniqueConflict) as conflict:
        await store.enqueue([new_job(unique=Uniqueness(name="one"))])

    assert await store.get([successor.id]) == [None]
    assert conflict.value.job_id == there.id


async def test_strand_whose_jobs_another_program_took_away_is_no_hindrance(store: SqliteStore, raw: Raw) -> None:
    await store.set_rules([ONE_PER_TENANT])
    gone = await add(store, new_job(ties=GATED))
    kept = await add(store, new_job(ties=Ties(gates=(Gate(name="tenant", key="b"),))))
    raw.execute("DELETE FROM job WHERE id = ?", (gone.id,))

    claimed = await store.claim(request(await hired(store), limit=5))

    assert [job.id for job in claimed] == [kept.id]


async def test_refusal_in_a_callers_transaction_takes_back_what_was_replaced(
    path: Path, store: SqliteStore, driver: DriverName
) -> None:
    there = await add(store, new_job(unique=Uniqueness(name="one")))
    in_the_way = await add(store, new_job(unique=Uniqueness(name="two")))
    caller = SqliteCaller(driver, path)
    await caller.open()
    batch = [
        new_job(unique=Uniqueness(name="one", on_conflict=OnConflict.REPLACE)),
        new_job(unique=Uniqueness(name="two")),
    ]

    with pytest.raises(UniqueConflict) as conflict:
        await caller.hold(await store.enqueue_within(batch))
    await caller.commit()

    assert conflict.value.job_id == in_the_way.id
    assert await store.get([batch[0].id]) == [None]
    assert (await stored(store, there.id)).state is JobState.QUEUED
    await caller.close()


async def test_end_in_a_callers_transaction_lets_the_next_begin(
    path: Path, store: SqliteStore, driver: DriverName
) -> None:
    await store.set_rules([ONE_PER_TENANT])
    first = await running(store, new_job(ties=GATED))
    second = await add(store, new_job(ties=GATED))
    worker = await hired(store)
    assert await store.claim(request(worker)) == []
    caller = SqliteCaller(driver, path)
    await caller.open()

    await caller.hold(store.settle_within(end(first)))
    await caller.commit()

    assert [job.id for job in await store.claim(request(worker))] == [second.id]
    await caller.close()
