"""Schedules and channels on PostgreSQL: connections that meet in one row, and messages that are not committed yet."""

import asyncio
import json
from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from workmill.store import TickVerdict
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.channels import beginning, data_of, new_message, read
from workmill.testing.conformance.firing import NOW, fire
from workmill.testing.conformance.loops import looping
from workmill.testing.conformance.making import SECOND, end, hired, request, stored
from workmill.testing.conformance.schedules import by_hand, known, plan, put, tick
from workmill.testing.conformance.within import beside, finish
from workmill.words.job import Job, JobState
from workmill.words.schedule import Overlap, Schedule

DEADLINE_SECONDS = 20.0


async def round_of(store: PostgresStore) -> Job:
    """Begin a round of a loop."""
    await put(store, plan(pause=SECOND), after=NOW)
    await fire(store, tick(await known(store)))
    (job,) = await store.claim(request(await hired(store)))
    return job


def goes_on(schedule: Schedule) -> bool:
    """Whether a loop has a next time."""
    return schedule.is_active and schedule.next_at is not None


async def test_loop_that_is_started_while_its_round_ends_goes_on(store: PostgresStore, caller: PostgresCaller) -> None:
    job = await round_of(store)
    await store.stop_schedule("nightly")
    await finish(store, caller, end(job))

    schedule = await beside(store.start_schedule("nightly", await store.now()), caller.commit)

    assert goes_on(schedule)


async def test_loop_that_is_edited_while_its_round_ends_goes_on(store: PostgresStore, caller: PostgresCaller) -> None:
    job = await round_of(store)
    await finish(store, caller, end(job))

    schedule = await beside(put(store, plan(pause=2 * SECOND)), caller.commit)

    assert goes_on(schedule)


async def test_loop_that_is_edited_while_its_end_is_taken_back_waits_for_it(
    store: PostgresStore, caller: PostgresCaller
) -> None:
    job = await round_of(store)
    await finish(store, caller, end(job))

    schedule = await beside(put(store, plan(pause=2 * SECOND)), caller.roll_back)

    assert (schedule.is_active, schedule.next_at) == (True, None)
    await store.settle([end(job)])
    assert goes_on(await known(store))


async def test_tick_that_makes_room_meets_the_end_of_who_must_go(store: PostgresStore, caller: PostgresCaller) -> None:
    await put(store, plan(overlap=Overlap.CANCEL), after=NOW)
    await fire(store, tick(await known(store), next_at=await store.now()))
    (job,) = await store.claim(request(await hired(store)))
    await finish(store, caller, end(job))
    made = tick(await known(store), next_at=await store.now())

    (fired,) = await beside(store.fire([made]), caller.commit)

    assert (fired.verdict, fired.jobs[0].job.state) == (TickVerdict.FIRED, JobState.QUEUED)
    assert (await stored(store, job.id)).state is JobState.SUCCEEDED


async def test_stop_meets_the_end_of_a_job_of_its(store: PostgresStore, caller: PostgresCaller) -> None:
    job = await round_of(store)
    await finish(store, caller, end(job))

    schedule = await beside(store.stop_schedule("nightly", cancel_running=True), caller.commit)

    assert (schedule.is_active, schedule.next_at) == (False, None)
    assert (await stored(store, job.id)).state is JobState.SUCCEEDED


async def test_many_who_stop_fire_and_settle_at_once_do_not_wait_for_one_another(stores: list[PostgresStore]) -> None:
    store, rival = stores[0], stores[1]
    await looping(store)
    worker_id = await hired(store)

    async def work() -> None:
        for _ in range(20):
            for job in await store.claim(request(worker_id, limit=10)):
                await store.settle([end(job)])

    async def meddle() -> None:
        for _ in range(10):
            await rival.stop_schedule("nightly", cancel_running=True)
            await rival.start_schedule("nightly", await rival.now())
            await rival.fire([await by_hand(rival)])

    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(work(), meddle())


@pytest.fixture
async def publisher(database: PostgresHarness, postgres: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Give a connection on which a message is published and not committed."""
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        asked = {"messages": [{"id": "first", "channel": "news", "data": "1"}], "jobs": []}
        await connection.execute(f"SELECT {database.schema}.publish(%s)".encode(), [json.dumps(asked)])
        yield connection


async def test_message_is_behind_whatever_was_published_before_its_commit(
    store: PostgresStore, publisher: psycopg.AsyncConnection
) -> None:
    start = await beginning(store)

    await beside(store.publish([new_message(data=b"2")]), publisher.commit)

    assert data_of(await read(store, start)) == [b"1", b"2"]


async def test_message_that_is_taken_back_is_no_gap(store: PostgresStore, publisher: psycopg.AsyncConnection) -> None:
    start = await beginning(store)

    (message,) = await beside(store.publish([new_message(data=b"2")]), publisher.rollback)

    assert (await read(store, start)).messages == (message,)


async def test_schedule_that_cannot_be_read_stops_no_other(store: PostgresStore, database: PostgresHarness) -> None:
    for name in ("broken", "nightly", "weekly"):
        await put(store, plan(name=name), after=NOW)
    database.execute("UPDATE {schema}.schedule SET plan = '[', next_at = 0 WHERE name = 'broken'")

    due = await store.due(1)
    page, cursor = await store.schedules(limit=2, cursor=None)
    rest, _ = await store.schedules(limit=2, cursor=cursor)

    assert [one.plan.name for one in due.schedules] == ["nightly"]
    assert due.next_in == NOW, "another is due, too"
    assert await store.get_schedules(["broken", "weekly"]) == [None, rest[0]]
    assert [one.plan.name for one in (*page, *rest)] == ["nightly", "weekly"]
