"""Followers on Redis: what is kept about them, and for how long."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.servers.redis_harness import RedisHarness
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.making import ERROR, PLAIN, add, end, new_job, running, settle, stored
from workmill.words.codec import Json
from workmill.words.job import Job, JobState, NewJob
from workmill.words.outcome import Failed
from workmill.words.ties import After, Needs
from workmill.words.unique import OnConflict, Uniqueness
from workmill.words.unstarted import parent_failed

ODD_ID = 'é "quoted" \\ back/slash \n{}'
KEPT_BRIEFLY = replace(PLAIN, keep=timedelta(0))
ABOUT_FOLLOWERS = ("bonds", "waits", "awaited", "followers")


@pytest.fixture
async def store(database: RedisHarness) -> AsyncIterator[RedisStore]:
    """Give a store whose clock stands still."""
    store = await database.make()
    yield store
    await store.close()


def kept(database: RedisHarness) -> list[str]:
    """Return which of the keys about followers there are, without whom they are about."""
    keys = database.keys()
    names = {key.partition(":")[2].partition(":")[0] for key in keys}
    return [name for name in ABOUT_FOLLOWERS if name in names]


async def after(store: RedisStore, *parents: Job | NewJob, **options: Json) -> Job:
    """Store a job that follows others."""
    jobs = tuple(parent.id for parent in parents)
    return await add(store, replace(new_job(), after=After(jobs=jobs), **options))


async def test_failure_names_a_parent_whatever_its_id_is(store: RedisStore) -> None:
    parent = await running(store, replace(new_job(), id=ODD_ID))
    waiting = await add(store, follower(parent))

    await settle(store, end(parent, Failed(failure=ERROR)))

    assert (await stored(store, waiting.id)).failure == parent_failed(ODD_ID)


async def test_line_goes_with_the_end_and_the_bond_with_the_job(store: RedisStore, database: RedisHarness) -> None:
    parent = await running(store, new_job(policy=KEPT_BRIEFLY))
    waiting = await after(store, parent, policy=KEPT_BRIEFLY)
    assert kept(database) == ["bonds", "waits", "awaited", "followers"]

    await settle(store, end(parent))
    assert kept(database) == ["bonds", "awaited"]
    assert await store.prune(10) == 0
    await store.cancel([waiting.id], None)
    assert kept(database) == ["bonds"]

    await database.advance(timedelta(hours=2))
    assert await store.prune(10) == 2
    assert kept(database) == []


async def test_one_that_leaves_is_not_awaited_under_its_id_again(store: RedisStore) -> None:
    parent, other = await running(store), await running(store, new_job(task="other"))
    gone = await after(store, parent, policy=KEPT_BRIEFLY)
    await store.cancel([gone.id], None)
    assert await store.prune(10) == 1
    await after(store, other, id=gone.id)

    await settle(store, end(parent))
    assert (await stored(store, gone.id)).state is JobState.WAITING
    await settle(store, end(other))

    assert (await stored(store, gone.id)).state is JobState.QUEUED


async def test_one_that_is_replaced_in_its_own_batch_stands_in_no_line(
    store: RedisStore, database: RedisHarness
) -> None:
    parent = await running(store)
    unique = Uniqueness(name="one", on_conflict=OnConflict.REPLACE)
    first, second = (replace(new_job(), after=After(jobs=(parent.id,)), unique=unique) for _ in range(2))

    await store.enqueue([first, second])

    line = database.execute("ZRANGE", database.key(f"followers:{parent.id}"), 0, -1)
    assert line == [second.id.encode()]
    await settle(store, end(parent))
    states = [(await stored(store, new.id)).state for new in (first, second)]
    assert states == [JobState.CANCELLED, JobState.QUEUED]


@pytest.mark.parametrize("needs", list(Needs))
async def test_one_of_many_ends_leaves_what_is_missing_counted(store: RedisStore, needs: Needs) -> None:
    parents = [await running(store, new_job(task=f"task{number}")) for number in range(5)]
    waiting = await add(
        store, replace(follower(*parents), after=After(jobs=tuple(one.id for one in parents), needs=needs))
    )

    for parent in parents[:4]:
        await settle(store, end(parent))
        assert (await stored(store, waiting.id)).state is JobState.WAITING
    await settle(store, end(parents[4]))

    ended = {Needs.SUCCESS: JobState.QUEUED, Needs.END: JobState.QUEUED, Needs.FAILURE: JobState.CANCELLED}
    assert (await stored(store, waiting.id)).state is ended[needs]
