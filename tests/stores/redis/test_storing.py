"""Jobs as they are kept on Redis, by whichever of its two scripts they were stored."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.servers.redis_harness import RedisHarness
from workmill.stores.redis import RedisStore
from workmill.stores.redis.rows import FIELDS, unpacked
from workmill.testing.conformance.making import SECOND, add, new_job, stored
from workmill.words.codec import Json
from workmill.words.errors import InvalidOption, JobConflict
from workmill.words.job import NewJob
from workmill.words.ties import After, Ties
from workmill.words.unique import Uniqueness

SURROGATE = "\ud800"
OWN = ("place", "created_at", "run_at", "task")


def in_flow() -> NewJob:
    """Make a job that is more than a call, so that its batch is looked at job by job."""
    return replace(new_job(), ties=Ties(flow="f"))


def kept(database: RedisHarness, new: NewJob) -> tuple[dict[str, Json], bytes]:
    """Return a job as it is kept, but for what no two have in common."""
    head = dict(zip(FIELDS, unpacked(database.execute("HGET", database.key("jobs"), new.id)), strict=True))
    return {name: value for name, value in head.items() if name not in OWN}, database.execute(
        "HGET", database.key("docs"), new.id
    )


def places(database: RedisHarness, new: NewJob) -> list[str]:
    """Return in which sorted sets a job stands."""
    keys = database.keys()
    sorted_sets = [
        name
        for name in (key.partition(":")[2] for key in keys)
        if database.execute("TYPE", database.key(name)) == b"zset"
    ]
    return [name for name in sorted_sets if database.execute("ZSCORE", database.key(name), new.id) is not None]


@pytest.mark.parametrize(
    "options",
    [{}, {"priority": 7}, {"delay": 9 * SECOND}, {"retry_of": "another"}, {"queue": "bulk"}, {"key": "k"}],
    ids=["plain", "priority", "delay", "retry", "queue", "key"],
)
async def test_both_scripts_store_the_same(store: RedisStore, database: RedisHarness, options: dict[str, Json]) -> None:
    alone, beside = replace(new_job(), **options), replace(new_job(task="other"), **options)

    await store.enqueue([alone])
    await store.enqueue([beside, in_flow()])

    assert kept(database, alone) == kept(database, beside)
    assert [place.replace(alone.task, beside.task) for place in places(database, alone)] == places(database, beside)


async def test_run_at_is_kept_by_both_scripts(store: RedisStore) -> None:
    later = await store.now() + timedelta(hours=1)
    alone, beside = new_job(run_at=later), new_job(run_at=later)

    await store.enqueue([alone])
    await store.enqueue([beside, in_flow()])

    assert [(await stored(store, new.id)).run_at for new in (alone, beside)] == [later, later]


async def test_shapes_of_a_batch_are_not_mixed_up(store: RedisStore) -> None:
    batch = [new_job(priority=number % 3, queue=f"q{number % 2}", delay=SECOND * (number % 2)) for number in range(12)]

    enqueued = await store.enqueue(batch)

    for new, one in zip(batch, enqueued, strict=True):
        assert (one.job.priority, one.job.queue, bool(one.job.run_at)) == (new.priority, new.queue, bool(new.delay))
        assert one.job == await stored(store, new.id)


async def test_keys_of_a_batch_are_their_own_jobs(store: RedisStore, database: RedisHarness) -> None:
    batch = [new_job(), new_job(key="a"), new_job(key="b"), new_job(task="other", key="a"), new_job(), new_job(key="b")]

    enqueued = await store.enqueue(batch)

    assert [one.created for one in enqueued] == [True, True, True, True, True, False]
    assert [one.job.key for one in enqueued] == [new.key for new in batch]
    assert [one.job for one in enqueued] == [await stored(store, one.job.id) for one in enqueued]
    named = {f"{new.task}/{new.key}".encode(): new.id.encode() for new in (batch[1], batch[2], batch[3])}
    assert database.execute("HGETALL", database.key("keys")) == named


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("id", {"id": SURROGATE}),
        ("key", {"key": SURROGATE}),
        ("retry_of", {"retry_of": SURROGATE}),
        ("unique", {"unique": Uniqueness(name=SURROGATE)}),
        ("after", {"after": After(jobs=(SURROGATE,))}),
        ("flow", {"ties": Ties(flow=SURROGATE)}),
    ],
)
async def test_text_that_cannot_be_kept_is_refused_by_name(
    store: RedisStore, option: str, given: dict[str, Json]
) -> None:
    with pytest.raises(InvalidOption) as refused:
        await store.enqueue([new_job(), replace(new_job(), **given)])

    assert refused.value.option == option
    assert await store.counts() == []


async def test_priority_that_is_too_large_is_refused(store: RedisStore) -> None:
    with pytest.raises(InvalidOption, match="32 bits"):
        await store.enqueue([new_job(priority=2**31)])


async def test_known_job_that_cannot_be_read_is_a_conflict(store: RedisStore, database: RedisHarness) -> None:
    new = await add(store, new_job(key="k"))
    await database.corrupt(new.id)

    with pytest.raises(JobConflict, match="cannot be read"):
        await store.enqueue([new_job(key="k")])
