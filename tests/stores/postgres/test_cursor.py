"""The proof of the cursor: transactions that open early, commit late, roll back and overlap, against many claimers."""

import asyncio
import itertools
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeAlias

import psycopg
import pytest
from psycopg import errors

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from workmill.store import Store, Verdict
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.making import DEATH, DONE, TASK, add, end, hired, new_job, request
from workmill.testing.conformance.within import enqueue, finish
from workmill.words.codec import dump_policy
from workmill.words.job import Job, NewJob
from workmill.words.outcome import Interrupted, Returned
from workmill.words.policy import Policy

DEADLINE_SECONDS = 60.0
DEATHLESS = Policy(max_deaths=10_000)
OPEN = 30
PRIORITIES = (0, 0, 0, 7)
QUEUES = ("default", "default", "default", "other")
"""So that of one priority often one lane has jobs, and often two."""

Storing: TypeAlias = Callable[[psycopg.AsyncConnection, list[NewJob]], Awaitable[object]]
"""A way to store jobs in the transaction of a connection."""


@dataclass
class Seen:
    """What happened, as everybody saw it."""

    committed: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    claims: Counter[tuple[str, int]] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    is_over: bool = False

    @property
    def is_drained(self) -> bool:
        return self.is_over and len(self.done) >= len(self.committed)


class Producer:
    """Transactions on several connections at once, any of which goes on or ends at any step."""

    def __init__(self, storing: Storing, seen: Seen, seed: int) -> None:
        self._storing = storing
        self._seen = seen
        self._chance = random.Random(seed)
        self._open: dict[int, set[str]] = {}

    async def run(self, url: str, steps: int) -> None:
        async with AsyncExitStack() as stack:
            connect = psycopg.AsyncConnection.connect
            lines = [await stack.enter_async_context(await connect(url)) for _ in range(5)]
            for _ in range(steps):
                await self._step(lines)
            for number, line in enumerate(lines):
                await self._end(number, line)

    async def _step(self, lines: list[psycopg.AsyncConnection]) -> None:
        number = self._chance.randrange(len(lines))
        line = lines[number]
        match self._chance.randrange(10):
            case 0 if number not in self._open:
                # The place among the transactions is taken long before the first job is stored.
                await line.execute("SELECT pg_current_xact_id()")
                self._open[number] = set()
            case 1 | 2 | 3 | 4:
                self._open.setdefault(number, set()).update(await self.store(line))
            case 5:
                await self._store_and_undo(line)
                self._open.setdefault(number, set())
            case _ if number in self._open:
                await self._end(number, line)

    async def store(self, line: psycopg.AsyncConnection) -> set[str]:
        jobs = [self._new_job() for _ in range(self._chance.choice((1, 1, 2, 5, 40)))]
        await self._storing(line, jobs)
        return {new.id for new in jobs}

    def _new_job(self) -> NewJob:
        return new_job(priority=self._chance.choice(PRIORITIES), queue=self._chance.choice(QUEUES), policy=DEATHLESS)

    async def _store_and_undo(self, line: psycopg.AsyncConnection) -> None:
        async with line.transaction(force_rollback=True):
            self._seen.undone |= await self.store(line)

    async def _end(self, number: int, line: psycopg.AsyncConnection) -> None:
        ids = self._open.pop(number, set())
        match self._chance.randrange(6):
            case 0:
                self._seen.undone |= ids
                await line.rollback()
            case 1:
                await self._end_in_two_phases(line, ids)
            case _:
                self._seen.committed |= ids
                await line.commit()

    async def _end_in_two_phases(self, line: psycopg.AsyncConnection, ids: set[str]) -> None:
        name = uuid.uuid4().hex
        try:
            await line.execute(f"PREPARE TRANSACTION '{name}'")
        except errors.FeatureNotSupported:
            # What tells others within its transaction cannot be prepared.
            await line.rollback()
            self._seen.undone |= ids
            return
        await line.commit()
        self._seen.committed |= ids
        await line.set_autocommit(True)
        await line.execute(f"COMMIT PREPARED '{name}'")
        await line.set_autocommit(False)


class Claimer:
    """A worker that ends some attempts well, gives some jobs back, and now and then dies with all it holds.

    Some attempts it ends in a transaction of its own making, which it may think better of.
    """

    def __init__(self, store: Store, caller: PostgresCaller, seen: Seen, seed: int) -> None:
        self._store = store
        self._caller = caller
        self._seen = seen
        self._chance = random.Random(seed)

    async def run(self) -> None:
        worker_id = await hired(self._store)
        while not self._seen.is_drained:
            jobs = await self._store.claim(request(worker_id, limit=self._chance.choice((1, 3, 20))))
            self._note(jobs)
            while jobs:
                if self._chance.random() < 0.05:
                    await self._store.leave(worker_id)
                    worker_id = await hired(self._store)
                    break
                jobs = await self._settle(jobs, worker_id)
            await self._rescue()

    async def _settle(self, jobs: list[Job], worker_id: str) -> list[Job]:
        if self._chance.random() < 0.3:
            await self._finish(jobs[0])
        ends = [end(job, Returned() if self._chance.random() < 0.1 else DONE) for job in jobs]
        wanted = request(worker_id, limit=self._chance.choice((0, 1, 5)))
        settled = await self._store.settle(ends, wanted)
        for each, verdict in zip(ends, settled.verdicts, strict=True):
            if verdict is Verdict.APPLIED and each.state.is_final:
                self._seen.done[each.job_id] += 1
        self._note(settled.claimed)
        return list(settled.claimed)

    async def _finish(self, job: Job) -> None:
        said = await finish(self._store, self._caller, end(job))
        if self._chance.random() < 0.3:
            await self._caller.roll_back()
            return
        await self._caller.commit()
        if said is Verdict.APPLIED:
            self._seen.done[job.id] += 1

    async def _rescue(self) -> None:
        lost = await self._store.expired(50)
        if lost:
            await self._store.settle([end(job, Interrupted(failure=DEATH)) for job in lost])

    def _note(self, jobs: list[Job] | tuple[Job, ...]) -> None:
        self._seen.claims.update((job.id, job.token) for job in jobs)


def by_hand(database: PostgresHarness) -> Storing:
    """Store jobs by the function that the store itself calls, which tells nobody here."""
    lanes = {row[:2]: row[2] for row in database.execute("SELECT priority, queue, lane FROM {schema}.lane")}

    async def store(line: psycopg.AsyncConnection, jobs: list[NewJob]) -> None:
        nothing = [None for _ in jobs]
        columns = [[new.id for new in jobs], [lanes[new.priority, new.queue] for new in jobs], ["{}" for _ in jobs]]
        policies = [dump_policy(new.policy) for new in jobs]
        values = "%s, %s::int[], %s, %s, %s::text[], %s::bigint[], %s::bigint[], NULL, NULL, NULL"
        sql = f"SELECT {database.schema}.enqueue({values})"
        await line.execute(sql, [*columns, policies, nothing, nothing, nothing])

    return store


def by_contract(store: Store) -> Storing:
    """Store jobs as a caller does."""
    return lambda line, jobs: enqueue(store, PostgresCaller(line, "none"), *jobs)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["by hand", "by contract"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_skipped_doubled_or_starved(
    database: PostgresHarness, postgres: str, stores: list[PostgresStore], seed: int, way: str
) -> None:
    lanes = itertools.product(sorted(set(PRIORITIES)), sorted(set(QUEUES)))
    await stores[0].enqueue([new_job(priority=priority, queue=queue, task=TASK) for priority, queue in lanes])
    seen = Seen(committed={str(row[0]) for row in database.execute("SELECT id FROM {schema}.job")})
    storing = by_hand(database) if way == "by hand" else by_contract(stores[0])
    producers = [Producer(storing, seen, seed * 100 + n) for n in range(3)]
    callers = [await database.caller() for _ in stores]
    claimers = [Claimer(store, callers[n], seen, seed * 100 + n) for n, store in enumerate(stores)]

    async def produce() -> None:
        await asyncio.gather(*(producer.run(postgres, 250) for producer in producers))
        seen.is_over = True

    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
        for run in (produce(), *(claimer.run() for claimer in claimers)):
            group.create_task(run)
    for caller in callers:
        await caller.close()

    assert len(seen.committed) > 1000
    assert seen.done == Counter(dict.fromkeys(seen.committed, 1))
    assert set(seen.claims.values()) == {1}
    assert not seen.undone & {job_id for job_id, _ in seen.claims}
    assert {count.state for count in await stores[0].counts()} == {"succeeded"}


async def test_transaction_that_commits_late_is_taken_from_where_the_cursor_has_passed(
    postgres: str, stores: list[PostgresStore]
) -> None:
    store = stores[0]
    worker_id = await hired(store)
    early = await add(store, new_job())
    async with await psycopg.AsyncConnection.connect(postgres) as line:
        batch = [new_job() for _ in range(5)]
        late = sorted(new.id for new in batch)
        await enqueue(store, PostgresCaller(line, "none"), *batch)
        behind = await add(store, new_job())
        before = [job.id for job in await store.claim(request(worker_id, limit=10))]
        for job_id in late:
            assert await store.get([job_id]) == [None]
        await line.commit()

        after = [job.id for _ in range(50) for job in await store.claim(request(worker_id, limit=1))]

    assert before == [early.id, behind.id]
    assert sorted(after) == late


async def test_transactions_that_stay_open_are_watched_and_forgotten(
    database: PostgresHarness, postgres: str, store: PostgresStore
) -> None:
    worker_id = await hired(store)
    late = [new_job() for _ in range(OPEN)]
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(await psycopg.AsyncConnection.connect(postgres)) for _ in late]
        for line, new in zip(lines, late, strict=True):
            await enqueue(store, PostgresCaller(line, "none"), new)
        numbers = {await number_of(line) for line in lines}

        early = [await add_and_claim(store, worker_id) for _ in range(20)]
        watched_first = watched(database)
        for line in lines[: OPEN // 2]:
            await line.rollback()
        for line in lines[OPEN // 2 :]:
            await line.commit()
        claimed = [job.id for _ in range(OPEN) for job in await store.claim(request(worker_id, limit=3))]
        await add_and_claim(store, worker_id)

    assert all(one == [new.id] for new, one in early)
    assert watched_first >= numbers
    assert sorted(claimed) == sorted(new.id for new in late[OPEN // 2 :])
    assert not watched(database) & numbers


async def add_and_claim(store: PostgresStore, worker_id: str) -> tuple[NewJob, list[str]]:
    """Store a job and claim what there is."""
    new = new_job()
    await add(store, new)
    return new, [job.id for job in await store.claim(request(worker_id, limit=3))]


async def number_of(line: psycopg.AsyncConnection) -> object:
    """Return the number of an open transaction."""
    ((number,),) = await (await line.execute("SELECT pg_current_xact_id()::text")).fetchall()
    return number


def watched(database: PostgresHarness) -> set[object]:
    """Return the transactions that the newest mark watches."""
    newest = "SELECT watched FROM {schema}.mark ORDER BY number DESC LIMIT 1"
    return {number for (number,) in database.execute(f"SELECT unnest(watched)::text FROM ({newest}) AS newest")}
