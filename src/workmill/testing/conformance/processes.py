"""Several processes on one database, for stores that cross them."""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from multiprocessing.pool import ApplyResult, Pool
from typing import TypeVar

import pytest

from workmill.store import Listener, NoticeKind, Store, Verdict
from workmill.testing.conformance.harness import Harness, Opener
from workmill.testing.conformance.making import end, hired, new_job, new_jobs, request, stored
from workmill.words.job import Ending

PROCESSES = 4
JOBS = 2000
BATCH = 16
DEADLINE_SECONDS = 90.0
NOTICED_WITHIN_SECONDS = 1.0

Answer = TypeVar("Answer")


def opener_of(harness: Harness) -> Opener:
    """Return the maker of stores for other processes, or leave the test where there can be none."""
    opener = harness.opener()
    if opener is None:
        pytest.skip("this store belongs to one process")
    return opener


@contextmanager
def processes() -> Iterator[Pool]:
    """Start processes that share nothing with this one but the database, and end them, whatever they do."""
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        yield pool
    pool.join()


async def answers(results: list[ApplyResult[Answer]]) -> list[Answer]:
    """Wait for what other processes answer."""
    return [await asyncio.to_thread(result.get, DEADLINE_SECONDS) for result in results]


@asynccontextmanager
async def opened(opener: Opener) -> AsyncIterator[Store]:
    """Open a store as other processes do, and close it."""
    store = opener()
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def heard(store: Store, ear: Listener) -> float:
    """Return when an ear told of the first job of an empty store, by the clock that a machine's processes share."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await store.counts():
            await ear.next(DEADLINE_SECONDS)
    return time.monotonic()


# What the other processes run.


def work(opener: Opener) -> list[str]:
    """Claim and settle until nothing is left; return the ids of what was applied, with repeats if there are any."""
    return asyncio.run(_work(opener))


async def _work(opener: Opener) -> list[str]:
    async with opened(opener) as store:
        mine = request(await hired(store, lease=timedelta(minutes=5)), limit=BATCH)
        done: list[str] = []
        claimed = tuple(await store.claim(mine))
        while claimed:
            settled = await store.settle([end(job) for job in claimed], mine)
            verdicts = zip(claimed, settled.verdicts, strict=True)
            done += [job.id for job, verdict in verdicts if verdict is Verdict.APPLIED]
            claimed = settled.claimed
        return done


def enqueue(opener: Opener, keys: list[str]) -> list[str]:
    """Store a job under each key, one after another; return the keys under which this process stored the job."""
    return asyncio.run(_enqueue(opener, keys))


async def _enqueue(opener: Opener, keys: list[str]) -> list[str]:
    async with opened(opener) as store:
        return [key for key in keys for one in await store.enqueue([new_job(key=key)]) if one.created]


def enqueue_one(opener: Opener) -> float:
    """Store a job and return when that was."""
    return asyncio.run(_enqueue_one(opener))


async def _enqueue_one(opener: Opener) -> float:
    async with opened(opener) as store:
        await store.enqueue([new_job()])
        return time.monotonic()


@pytest.mark.anyio
class TestProcesses:
    """Processes share a database as stores in one process do."""

    async def test_every_job_is_settled_exactly_once(self, harness: Harness) -> None:
        opener, batch = opener_of(harness), new_jobs(JOBS)
        async with opened(opener) as store:
            await store.enqueue(batch)

            with processes() as pool:
                shares = await answers([pool.apply_async(work, (opener,)) for _ in range(PROCESSES)])

            done = Counter(job_id for share in shares for job_id in share)
            assert done == Counter(new.id for new in batch)
            assert [(count.state, count.jobs) for count in await store.counts()] == [("succeeded", JOBS)]
            for new in batch[:: JOBS // 20]:
                assert [one.ending for one in await store.attempts(new.id)] == [Ending.SUCCEEDED]
                assert (await stored(store, new.id)).token == 1

    async def test_racing_enqueues_of_one_key_store_it_once_in_a_new_database(self, harness: Harness) -> None:
        opener, keys = opener_of(harness), [f"key {n}" for n in range(50)]

        with processes() as pool:
            shares = await answers([pool.apply_async(enqueue, (opener, keys)) for _ in range(PROCESSES)])

        assert Counter(key for share in shares for key in share) == Counter(keys)

    async def test_notice_crosses_within_a_second(self, harness: Harness) -> None:
        opener = opener_of(harness)
        async with opened(opener) as store, store.listen(frozenset({NoticeKind.QUEUED})) as ear:
            with processes() as pool:
                result = pool.apply_async(enqueue_one, (opener,))
                heard_at = await heard(store, ear)
                (stored_at,) = await answers([result])

        assert heard_at - stored_at < NOTICED_WITHIN_SECONDS
