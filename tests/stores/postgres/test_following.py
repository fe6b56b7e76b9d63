"""Followers on PostgreSQL: stored and freed by connections that do not see each other's work yet."""

import asyncio
from datetime import timedelta

import pytest
from psycopg import IsolationLevel, errors

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from workmill.store import Store, Verdict
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.making import (
    ERROR,
    add,
    end,
    ended,
    hired,
    new_job,
    request,
    running,
    settle,
    stored,
)
from workmill.testing.conformance.within import beside, enqueue, finish
from workmill.words.job import Job, JobState
from workmill.words.outcome import Failed
from workmill.words.policy import KEEP
from workmill.words.ties import Needs, Ties

DEADLINE_SECONDS = 20.0
FIXED = [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]
TICK = timedelta(microseconds=1)


async def states(store: Store, *jobs: Job) -> list[JobState]:
    """Return the states of stored jobs."""
    return [(await stored(store, job.id)).state for job in jobs]


async def test_end_waits_for_who_stores_a_follower_and_frees_it(store: PostgresStore, caller: PostgresCaller) -> None:
    parent = await running(store)
    (answer,) = await enqueue(store, caller, follower(parent))

    await beside(settle(store, end(parent)), caller.commit)

    assert await states(store, parent, answer.job) == [JobState.SUCCEEDED, JobState.QUEUED]


async def test_end_goes_on_where_the_follower_is_rolled_back(store: PostgresStore, caller: PostgresCaller) -> None:
    parent = await running(store)
    (answer,) = await enqueue(store, caller, follower(parent))

    await beside(settle(store, end(parent)), caller.roll_back)

    assert await states(store, parent) == [JobState.SUCCEEDED]
    assert await store.get([answer.job.id]) == [None]


async def test_job_that_was_queued_when_it_was_followed_is_claimed_and_its_end_waits(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    parent = await add(store, new_job())
    (answer,) = await enqueue(store, caller, follower(parent))
    (claimed,) = await store.claim(request(await hired(store)))

    await beside(settle(store, end(claimed)), caller.commit)

    assert await states(store, parent, answer.job) == [JobState.SUCCEEDED, JobState.QUEUED]


async def test_cancel_waits_for_who_stores_a_follower(store: PostgresStore, caller: PostgresCaller) -> None:
    parent = await add(store, new_job())
    (answer,) = await enqueue(store, caller, follower(parent))

    await beside(store.cancel([parent.id], None), caller.commit)

    assert await states(store, parent, answer.job) == [JobState.CANCELLED, JobState.CANCELLED]


async def test_follower_waits_for_an_end_that_is_not_committed(store: PostgresStore, caller: PostgresCaller) -> None:
    parent = await running(store)
    await finish(store, caller, end(parent))

    job = await beside(add(store, follower(parent)), caller.commit)

    assert job.state is JobState.QUEUED


async def test_others_are_ended_and_followed_while_a_follower_is_being_stored(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    parent, other = await running(store), await running(store)
    await enqueue(store, caller, follower(parent))

    async with asyncio.timeout(DEADLINE_SECONDS):
        child = await add(store, follower(other))
        await settle(store, end(other))

    assert await states(store, parent, child) == [JobState.RUNNING, JobState.QUEUED]


async def test_nothing_is_left_of_a_reservation(
    store: PostgresStore, caller: PostgresCaller, database: PostgresHarness
) -> None:
    parent = await running(store)
    await enqueue(store, caller, follower(parent))
    await caller.commit()

    assert database.execute("SELECT count(*) FROM {schema}.done") == [(0,)]
    assert [job.id for job in await store.held(parent.worker or "")] == [parent.id]


@pytest.mark.parametrize("level", FIXED)
async def test_end_that_does_not_see_its_followers_must_run_again(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    parent = await running(store)
    await caller.connection.set_isolation_level(level)
    await caller.read()
    child = await add(store, follower(parent))

    with pytest.raises(errors.SerializationFailure):
        await finish(store, caller, end(parent))
    await caller.roll_back()

    assert await states(store, parent, child) == [JobState.RUNNING, JobState.WAITING]


@pytest.mark.parametrize("level", FIXED)
async def test_end_that_does_not_see_its_newest_follower_must_run_again(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    parent = await running(store)
    first = await add(store, follower(parent))
    await caller.connection.set_isolation_level(level)
    await caller.read()
    second = await add(store, follower(parent))

    with pytest.raises(errors.SerializationFailure):
        await finish(store, caller, end(parent))
    await caller.roll_back()

    assert await states(store, first, second) == [JobState.WAITING, JobState.WAITING]


@pytest.mark.parametrize("level", FIXED)
async def test_follower_that_is_freed_at_a_fixed_level_comes_to_its_line_with_the_next_promotion(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    parent = await running(store)
    child = await add(store, follower(parent))
    await caller.connection.set_isolation_level(level)

    assert await finish(store, caller, end(parent)) is Verdict.APPLIED
    await caller.commit()
    before = await stored(store, child.id)
    promotion = await store.promote(10)

    assert (before.state, before.run_at, promotion.count) == (JobState.SCHEDULED, None, 1)
    assert [job.id for job in await store.claim(request(await hired(store)))] == [child.id]


@pytest.mark.parametrize("level", FIXED)
async def test_followers_that_fail_at_a_fixed_level_are_as_at_any_other(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    parent = await running(store)
    child = await add(store, follower(parent))
    last = await add(store, follower(child, needs=Needs.END))
    await caller.connection.set_isolation_level(level)

    await finish(store, caller, end(parent, Failed(failure=ERROR)))
    await caller.commit()
    await store.promote(10)

    assert await states(store, parent, child, last) == [JobState.FAILED, JobState.FAILED, JobState.QUEUED]


@pytest.mark.parametrize("level", FIXED)
async def test_follower_of_one_that_ended_since_the_transaction_began_must_be_stored_again(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    parent = await running(store)
    await caller.connection.set_isolation_level(level)
    await caller.read()
    await settle(store, end(parent))

    with pytest.raises(errors.SerializationFailure):
        await enqueue(store, caller, follower(parent))
    await caller.roll_back()

    (answer,) = await enqueue(store, caller, follower(parent))
    assert answer.job.state is JobState.QUEUED


@pytest.mark.usefixtures("store")
async def test_job_that_no_worker_ends_is_kept_as_long_as_any(database: PostgresHarness) -> None:
    ((plain, damaged),) = database.execute("SELECT {schema}.keep_of('{{}}'), {schema}.keep_of('{{')")

    assert (plain, damaged) == (KEEP // TICK, KEEP // TICK)


async def test_flow_of_which_nothing_is_stored_any_more_is_forgotten(
    store: PostgresStore, database: PostgresHarness
) -> None:
    await ended(store, new=new_job(ties=Ties(flow="gone")))
    kept = await ended(store, new=new_job(ties=Ties(flow="kept")))
    database.execute("UPDATE {schema}.done SET expires_at = 0 WHERE seq < (SELECT max(seq) FROM {schema}.job)")

    assert await store.prune(10) == 1

    assert [flow.id for flow in (await store.flows(limit=10, cursor=None)).flows] == ["kept"]
    assert database.execute("SELECT flow FROM {schema}.flow") == [("kept",)]
    assert await states(store, kept) == [JobState.SUCCEEDED]


async def test_waiting_jobs_do_not_hide_what_is_due(store: PostgresStore) -> None:
    parent = await running(store)
    await store.enqueue([follower(parent) for _ in range(3)])
    job = await add(store, new_job(delay=TICK))

    promotion = await store.promote(10)

    assert (promotion.count, promotion.next_in) == (1, None)
    assert await states(store, job) == [JobState.QUEUED]
