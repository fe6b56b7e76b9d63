"""Rules over work on PostgreSQL: who waits for whom, and what is left when all is done."""

import asyncio

import pytest
from psycopg import IsolationLevel, errors

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from tests.stores.postgres.test_group_commit import kept_waiting
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.making import add, claim_all, end, hired, new_job, request, running, settle, stored
from workmill.testing.conformance.within import enqueue, finish
from workmill.words.job import JobState, NewJob
from workmill.words.limit import Gate, Rule, Scope
from workmill.words.ties import Ties
from workmill.words.unique import OnConflict, Uniqueness

LEVELS = list(IsolationLevel)
ONE_OF_EACH = Rule(scope=Scope.KEY, name="tenant", running=1)
KEYS = 5


def gated(key: str) -> NewJob:
    return new_job(ties=Ties(gates=(Gate(name="tenant", key=key),)))


def bounded(queue: str, waiting: int) -> Rule:
    return Rule(scope=Scope.QUEUE, name=queue, waiting=waiting)


async def test_open_transaction_with_jobs_before_a_gate_holds_nobody_up(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    await store.set_rules([ONE_OF_EACH])
    first, kept, behind = gated("a"), gated("a"), gated("a")
    await add(store, first)
    worker_id = await hired(store)
    await enqueue(store, caller, kept)

    await add(store, behind)
    for expected in (first, behind):
        (job,) = await store.claim(request(worker_id, limit=3))
        assert job.id == expected.id
        await settle(store, end(job))
    await caller.commit()

    (job,) = await store.claim(request(worker_id, limit=3))
    assert job.id == kept.id


@pytest.mark.parametrize("level", LEVELS)
async def test_gated_jobs_of_a_caller_are_found_at_any_isolation_level(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    await store.set_rules([ONE_OF_EACH])
    holder = await running(store, gated("a"))
    await add(store, gated("a"))
    await caller.connection.set_isolation_level(level)
    await caller.read()
    worker_id = await hired(store)
    assert await store.claim(request(worker_id)) == []
    theirs = gated("b")

    await enqueue(store, caller, theirs)
    await caller.commit()

    (job,) = await store.claim(request(worker_id, limit=3))
    assert job.id == theirs.id
    assert (await stored(store, holder.id)).state is JobState.RUNNING


@pytest.mark.parametrize("level", LEVELS)
async def test_end_in_a_callers_transaction_opens_the_gate_at_any_isolation_level(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    await store.set_rules([ONE_OF_EACH])
    holder = await running(store, gated("a"))
    await caller.connection.set_isolation_level(level)
    await caller.read()
    next_one = await add(store, gated("a"))
    worker_id = await hired(store)
    assert await store.claim(request(worker_id)) == []

    await finish(store, caller, end(holder))
    assert await store.claim(request(worker_id)) == []
    await caller.commit()

    (job,) = await store.claim(request(worker_id))
    assert job.id == next_one.id


async def test_no_slot_is_left_when_all_is_done(database: PostgresHarness, stores: list[PostgresStore]) -> None:
    await stores[0].set_rules([ONE_OF_EACH])
    new = [gated(str(place % KEYS)) for place in range(60)]
    workers = [await hired(store) for store in stores[:2]]
    left = {job.id for job in new}
    done: list[str] = []

    async def work(store: PostgresStore, worker_id: str) -> None:
        while len(done) < len(new):
            jobs = await store.claim(request(worker_id, limit=4))
            assert len({job.ties and job.ties.gates for job in jobs}) == len(jobs)
            await store.settle([end(job) for job in jobs])
            done.extend(job.id for job in jobs)
            await asyncio.sleep(0)

    async def bring(store: PostgresStore, jobs: list[NewJob]) -> None:
        for one in jobs:
            await store.enqueue([one])

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(bring(stores[2], new[:30]))
        tasks.create_task(bring(stores[3], new[30:]))
        for store, worker_id in zip(stores, workers, strict=False):
            tasks.create_task(work(store, worker_id))

    assert set(done) == left
    assert len(done) == len(new)
    await add(stores[0], new_job())
    assert len(await stores[0].claim(request(workers[0]))) == 1
    for table in ("passed", "apart", "strand", "opened"):
        assert database.execute(f"SELECT count(*) FROM {{schema}}.{table}") == [(0,)]


async def test_plain_jobs_leave_nothing_to_look_for(database: PostgresHarness, store: PostgresStore) -> None:
    await store.enqueue([new_job(), new_job(key="a"), new_job(priority=3)])
    worker_id = await hired(store)
    await settle(store, *[end(job) for job in await store.claim(request(worker_id, limit=3))])

    assert database.execute("SELECT count(*) FROM {schema}.uncommon") == [(0,)]


async def test_lane_is_plain_again_when_nothing_holds_for_it(database: PostgresHarness, store: PostgresStore) -> None:
    newest = "SELECT is_ruled FROM {schema}.mark ORDER BY number DESC LIMIT 1"
    worker_id = await hired(store)
    await store.enqueue([new_job(), new_job(), new_job()])
    await store.claim(request(worker_id))
    await store.set_rules([Rule(scope=Scope.TASK, name="resize", running=2)])
    await store.pause(["default"])
    await store.resume(["default"])
    assert database.execute(newest) == [(True,)]

    await store.reset_rules([(Scope.TASK, "resize")])

    assert database.execute(newest) == [(False,)]
    assert len(await claim_all(store, worker_id, at_a_time=5)) == 2


async def test_open_transaction_on_a_bounded_queue_holds_only_that_up(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    await store.set_rules([bounded("small", 2)])
    await enqueue(store, caller, new_job(queue="small"))

    waiting = asyncio.create_task(store.enqueue([new_job(queue="small")]))
    await kept_waiting(caller, 1)
    (other,) = await store.enqueue([new_job(queue="large")])
    await caller.commit()

    assert other.created
    (one,) = await waiting
    assert one.created


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
async def test_queue_filled_since_the_transaction_began_is_the_drivers_error(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    await store.set_rules([bounded("small", 1)])
    await add(store, new_job(queue="small"))
    await store.claim(request(await hired(store)))
    await caller.connection.set_isolation_level(level)
    await caller.read()
    await add(store, new_job(queue="small"))

    with pytest.raises(errors.SerializationFailure):
        await enqueue(store, caller, new_job(queue="small"))


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
async def test_caller_who_sees_the_past_replaces_nobody(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    unique = Uniqueness(name="one", on_conflict=OnConflict.REPLACE)
    first = await add(store, new_job(unique=unique))
    await caller.connection.set_isolation_level(level)

    with pytest.raises(errors.FeatureNotSupported, match="read committed"):
        await enqueue(store, caller, new_job(unique=unique))
    await caller.roll_back()

    assert (await stored(store, first.id)).state is JobState.QUEUED


async def test_what_a_bounded_queue_holds_is_added_up_often(database: PostgresHarness, store: PostgresStore) -> None:
    changes = "SELECT count(*) > 0 FROM {schema}.tally_change"
    await store.enqueue([new_job(), new_job(queue="small")])
    await store.promote(10)
    assert database.execute(changes) == [(True,)]
    await store.set_rules([bounded("small", 5)])

    await store.promote(10)

    assert database.execute(changes) == [(False,)]
