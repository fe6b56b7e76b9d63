"""A server whose memory is full, as whoever cancels, promotes, prunes and reports sees it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.servers.redis import RedisServer
from workmill.store import Report
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.making import ERROR, PLAIN, end, new_job, new_jobs, running, settle, stored
from workmill.words.errors import StoreUnavailable
from workmill.words.job import JobState, NewJob, Progress
from workmill.words.outcome import Failed
from workmill.words.ties import Ties
from workmill.words.unique import OnConflict, Uniqueness

SOON = timedelta(microseconds=1)
REPLACING = Uniqueness(name="one", on_conflict=OnConflict.REPLACE)
REFUSED = {
    "plain": [new_job()],
    "with a key": [new_job(key="k")],
    "in a flow": [replace(new_job(), ties=Ties(flow="f"))],
    "in another's place": [replace(new_job(), unique=REPLACING)],
}


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url())
    await store.open()
    yield store
    await store.close()


def fill(server: RedisServer) -> None:
    """Let the server have no memory left."""
    server.ask("CONFIG", "SET", "maxmemory", "1")


@pytest.mark.parametrize("batch", REFUSED.values(), ids=REFUSED)
async def test_new_jobs_are_refused_and_change_nothing(
    server: RedisServer, store: RedisStore, batch: Sequence[NewJob]
) -> None:
    there = replace(new_job(), unique=REPLACING)
    await store.enqueue([there])
    fill(server)

    with pytest.raises(StoreUnavailable, match="maxmemory"):
        await store.enqueue(batch)

    assert (await stored(store, there.id)).state is JobState.QUEUED
    assert sum(count.jobs for count in await store.counts()) == 1


async def test_jobs_are_cancelled_and_pruned(server: RedisServer, store: RedisStore) -> None:
    batch = [new_job(policy=replace(PLAIN, keep=timedelta(0))) for _ in range(3)]
    await store.enqueue(batch)
    fill(server)

    cancelled = await store.cancel([new.id for new in batch], "no room")

    assert [job and job.state for job in cancelled] == [JobState.CANCELLED] * 3
    assert await store.prune(10) == 3
    assert await store.counts() == []


async def test_jobs_become_due_and_too_late(server: RedisServer, store: RedisStore) -> None:
    due, late = new_job(delay=SOON), new_job(policy=replace(PLAIN, expires=SOON))
    await store.enqueue([due, late])
    fill(server)

    assert (await store.promote(10)).count == 1

    assert [(await stored(store, new.id)).state for new in (due, late)] == [JobState.QUEUED, JobState.CANCELLED]


async def test_progress_and_ends_are_kept_and_followed(server: RedisServer, store: RedisStore) -> None:
    parent = await running(store)
    waiting = follower(parent)
    await store.enqueue([waiting, *new_jobs(2)])
    fill(server)

    assert await store.report([Report(job_id=parent.id, token=1, progress=Progress(current=1))]) == [True]
    await settle(store, end(parent, Failed(failure=ERROR)))

    assert (await stored(store, waiting.id)).state is JobState.FAILED


async def test_job_that_cannot_be_read_fails(server: RedisServer, store: RedisStore) -> None:
    job = await running(store, new_job())
    server.ask("HSET", "{workmill}:docs", job.id, "[")
    fill(server)

    assert await store.held(job.worker or "") == []

    assert (await stored(store, job.id)).state is JobState.FAILED
