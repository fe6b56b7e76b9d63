"""Schedules on Redis: records that are damaged, very many jobs of one, and nothing left of one that is gone."""

from datetime import timedelta

import pytest

from tests.servers.redis import RedisServer
from tests.servers.redis_harness import RedisHarness
from tests.stores.redis.counting import counted
from workmill.stores.redis import RedisStore
from workmill.stores.redis.rows import pack, unpacked
from workmill.testing.conformance.firing import NOW, fire_next, jobs_of, under_way
from workmill.testing.conformance.loops import LOOP, looping, round_of
from workmill.testing.conformance.making import add, end, hired, new_job, request, settle, stored
from workmill.testing.conformance.schedules import job_of, known, new_schedule, plan, put
from workmill.words.errors import StoreUnavailable
from workmill.words.job import JobState
from workmill.words.policy import Policy
from workmill.words.schedule import Overlap
from workmill.words.ties import Ties


def spoil(database: RedisHarness, name: str, *, is_whole: bool) -> None:
    """Damage a stored schedule: its plan, or the whole record."""
    key = database.key("schedules")
    record = unpacked(database.execute("HGET", key, name))
    database.execute("HSET", key, name, b"\xc1" if is_whole else pack(record | {"plan": "["}))
    database.execute("ZADD", database.key("schedule:due"), 0, name)


@pytest.mark.parametrize("is_whole", [False, True])
async def test_schedule_that_cannot_be_read_stops_no_other(
    store: RedisStore, database: RedisHarness, *, is_whole: bool
) -> None:
    for name in ("broken", "nightly", "weekly"):
        await put(store, plan(name=name), after=NOW)
    spoil(database, "broken", is_whole=is_whole)

    due = await store.due(1)
    page, cursor = await store.schedules(limit=2, cursor=None)
    rest, _ = await store.schedules(limit=2, cursor=cursor)

    assert [one.plan.name for one in due.schedules] == ["nightly"]
    assert due.next_in == NOW, "another is due, too"
    assert await store.get_schedules(["broken", "weekly"]) == [None, rest[0]]
    assert [one.plan.name for one in (*page, *rest)] == ["nightly", "weekly"]


@pytest.mark.parametrize("is_whole", [False, True])
async def test_schedule_that_cannot_be_read_can_be_stored_anew(
    store: RedisStore, database: RedisHarness, *, is_whole: bool
) -> None:
    before = await put(store)
    spoil(database, "nightly", is_whole=is_whole)

    after = await put(store)

    assert after == await known(store)
    assert (after.plan, after.version > before.version) == (before.plan, True)


async def test_more_schedules_than_one_script_hands_over_are_listed(store: RedisStore) -> None:
    names = [f"s{number:04}" for number in range(1100)]
    next_at = await store.now()
    await store.put_schedules([new_schedule(next_at, made=plan(name=name)) for name in names])

    page, cursor = await store.schedules(limit=1099, cursor=None)
    rest, last = await store.schedules(limit=1, cursor=cursor)

    assert [one.plan.name for one in (*page, *rest)] == names
    assert last is None


@pytest.mark.slow
async def test_very_many_jobs_of_a_schedule_are_cancelled_in_several_steps(store: RedisStore) -> None:
    schedule = await put(store, plan(overlap=Overlap.ALLOW))
    held = await add(store, job_of(schedule))
    (held,) = await store.claim(request(await hired(store)))
    for _ in range(4):
        await store.enqueue([job_of(schedule) for _ in range(1300)])
    other = await add(store, new_job())

    with counted(store) as verbs:
        await store.delete_schedules(["none", "nightly"])

    counts = {count.state: count.jobs for count in await store.counts()}
    assert counts == {JobState.CANCELLED: 5200, JobState.RUNNING: 1, JobState.QUEUED: 1}
    assert await store.get([held.id, other.id]) == [held, other]
    assert await store.get_schedules(["nightly"]) == [None]
    assert verbs == ["stop_schedules"] * 2


async def test_nothing_stays_of_a_loop_and_its_jobs(store: RedisStore, database: RedisHarness) -> None:
    brief = Ties(schedule="nightly")
    await add(store, new_job(policy=Policy(keep=timedelta(0)), ties=brief))
    (job,) = await store.claim(request(worker_id := await hired(store)))
    await settle(store, end(job))
    assert await store.prune(10) == 1
    before = database.keys()

    await put(store, plan(pause=LOOP.pause), after=NOW)
    await store.enqueue([new_job(policy=Policy(keep=timedelta(0)), ties=brief)])
    (job,) = await store.claim(request(worker_id))
    await settle(store, end(job))
    await store.delete_schedules(["nightly"])
    assert await store.prune(10) == 1

    assert set(database.keys()) <= {*before, database.key("streets")}


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_end_of_a_loop_that_does_not_go_on_leaves_no_trace(
    store: RedisStore, database: RedisHarness, *, is_deleted: bool
) -> None:
    await looping(store)
    job = await round_of(store)
    assert database.execute("HGETALL", database.key("loops")) == {job.id.encode(): b"nightly"}
    await (store.delete_schedules(["nightly"]) if is_deleted else store.stop_schedule("nightly"))

    await settle(store, end(job))

    assert database.execute("EXISTS", database.key("loops")) == 0


async def test_server_without_memory_stops_schedules_but_fires_none(server: RedisServer) -> None:
    store = RedisStore(server.url())
    await store.open()
    running = await under_way(store, Overlap.QUEUE)
    await fire_next(store)
    server.ask("CONFIG", "SET", "maxmemory", "1")

    with pytest.raises(StoreUnavailable, match="maxmemory"):
        await fire_next(store)
    await store.stop_schedule("nightly", cancel_running=True)

    assert not (await known(store)).is_active
    assert [job.state for job in await jobs_of(store)] == [JobState.RUNNING, JobState.CANCELLED]
    assert (await stored(store, running.id)).cancel_requested_at is not None
    await store.close()
