"""Attempts that end in a caller's transaction on PostgreSQL: what it sees of the lease, and a client that froze."""

import asyncio
from datetime import timedelta

import pytest
from psycopg import IsolationLevel, errors

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from workmill.store import Verdict
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.making import (
    DEATH,
    end,
    hired,
    new_job,
    request,
    running,
    settle,
    stored,
    verdict,
)
from workmill.testing.conformance.within import enqueue, finish
from workmill.words.job import JobState
from workmill.words.outcome import Interrupted

DEADLINE_SECONDS = 20.0
SHORT = timedelta(seconds=2)
"""A lease that ends in the test, but not before its time while the machine is busy."""
LEVELS = list(IsolationLevel)
FIXED = [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]
IDLE = "SELECT current_setting('idle_in_transaction_session_timeout')"


@pytest.mark.parametrize("level", LEVELS)
async def test_attempt_ends_at_any_isolation_level(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    job = await running(store)
    await caller.connection.set_isolation_level(level)
    await caller.write("order")

    assert await finish(store, caller, end(job)) is Verdict.APPLIED
    await caller.commit()

    assert (await stored(store, job.id)).state is JobState.SUCCEEDED
    assert await verdict(store, end(job)) is Verdict.STALE


@pytest.mark.slow
@pytest.mark.parametrize("level", FIXED)
async def test_lease_prolonged_since_the_transaction_began_counts(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    worker_id = await hired(store, lease=SHORT)
    job = await running(store, worker_id=worker_id)
    (worker,) = await store.workers()
    await caller.connection.set_isolation_level(level)
    await caller.read()
    while await store.now() <= worker.lease_ends_at:
        assert (await store.renew(worker_id)).is_live
        await asyncio.sleep(0.05)

    assert await finish(store, caller, end(job)) is Verdict.APPLIED
    await caller.commit()

    assert (await stored(store, job.id)).state is JobState.SUCCEEDED


@pytest.mark.parametrize("level", LEVELS)
async def test_lease_that_ended_before_the_transaction_began_is_stale(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    worker_id = await hired(store)
    job = await running(store, worker_id=worker_id)
    await store.leave(worker_id)
    await caller.connection.set_isolation_level(level)

    assert await finish(store, caller, end(job)) is Verdict.STALE

    # The claim is nobody's, so it is kept from nobody.
    assert await verdict(store, end(job, Interrupted(failure=DEATH))) is Verdict.APPLIED
    await caller.write("after")
    await caller.commit()


@pytest.mark.parametrize("level", FIXED)
async def test_job_rescued_since_the_transaction_began_cannot_be_ended(
    store: PostgresStore, caller: PostgresCaller, level: IsolationLevel
) -> None:
    job = await running(store)
    await caller.connection.set_isolation_level(level)
    await caller.write("order")
    await settle(store, end(job, Interrupted(failure=DEATH)))

    with pytest.raises(errors.SerializationFailure):
        await finish(store, caller, end(job))
    await caller.roll_back()

    assert (await stored(store, job.id)).state is JobState.QUEUED
    assert await caller.read() == []


@pytest.mark.slow
async def test_frozen_transaction_holds_the_claim_no_longer_than_the_lease(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    job = await running(store, worker_id=await hired(store, lease=SHORT))
    await caller.write("order")
    assert await finish(store, caller, end(job)) is Verdict.APPLIED

    # Nothing comes from the caller any more.
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await verdict(store, end(job, Interrupted(failure=DEATH))) is Verdict.APPLIED

    with pytest.raises(errors.IdleInTransactionSessionTimeout):
        await caller.commit()
    (again,) = await store.claim(request(await hired(store)))
    assert (again.id, again.token) == (job.id, 2)


@pytest.mark.slow
async def test_frozen_transaction_leaves_nothing_behind(
    database: PostgresHarness, store: PostgresStore, caller: PostgresCaller
) -> None:
    job = await running(store, worker_id=await hired(store, lease=SHORT))
    await caller.write("order")
    (child,) = await enqueue(store, caller, new_job())
    assert await finish(store, caller, end(job)) is Verdict.APPLIED

    async with asyncio.timeout(DEADLINE_SECONDS):
        await settle(store, end(job, Interrupted(failure=DEATH)))

    other = await database.caller()
    rows = await other.read()
    await other.close()
    assert rows == []
    assert await store.get([child.job.id]) == [None]


async def test_sessions_own_patience_returns_after_the_transaction(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    await finish(store, caller, end(await running(store)))
    (within,) = await (await caller.connection.execute(IDLE)).fetchone() or ()
    await caller.commit()
    (after,) = await (await caller.connection.execute(IDLE)).fetchone() or ()

    assert 5_000 < int(within.removesuffix("ms")) <= 15_000
    assert after == "0"


async def test_shorter_patience_of_the_session_stays(store: PostgresStore, caller: PostgresCaller) -> None:
    await caller.connection.execute("SET LOCAL idle_in_transaction_session_timeout = '4s'")

    await finish(store, caller, end(await running(store)))

    assert await (await caller.connection.execute(IDLE)).fetchone() == ("4s",)
