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
from workmill.testing.conformance.limits import gated, of_key, of_task
from workmill.testing.conformance.making import end, hired, new_job, new_jobs, request, stored
from workmill.words.errors import UniqueConflict
from workmill.words.job import Ending, JobState
from workmill.words.unique import Uniqueness

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


def start_one_at_a_time(opener: Opener, names: list[str]) -> list[tuple[str, bool]]:
    """Store a unique job under each name; return for each the id of the one there is then, and whether it is ours."""
    return asyncio.run(_start_one_at_a_time(opener, names))


async def _start_one_at_a_time(opener: Opener, names: list[str]) -> list[tuple[str, bool]]:
    async with opened(opener) as store:
        return [await _started(store, name) for name in names]


async def _started(store: Store, name: str) -> tuple[str, bool]:
    try:
        (enqueued,) = await store.enqueue([new_job(unique=Uniqueness(name=name))])
    except UniqueConflict as error:
        return error.job_id, False
    return enqueued.job.id, enqueued.created


def work_in_bounds(opener: Opener) -> tuple[list[str], int]:
    """Claim and settle until nothing is left; return the ids, and the most jobs that ran at any moment looked at."""
    return asyncio.run(_work_in_bounds(opener))


async def _work_in_bounds(opener: Opener) -> tuple[list[str], int]:
    async with opened(opener) as store:
        worker_id, done, most, is_left = await hired(store, lease=timedelta(minutes=5)), list[str](), 0, True
        while is_left:
            claimed = await store.claim(request(worker_id, limit=2))
            done += [job.id for job in claimed]
            counts = {count.state: count.jobs for count in await store.counts()}
            most = max(most, counts.get(JobState.RUNNING, 0))
            await store.settle([end(job) for job in claimed])
            is_left = JobState.QUEUED in counts or JobState.RUNNING in counts
        return done, most


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

    async def test_of_racing_unique_jobs_one_is_accepted(self, harness: Harness) -> None:
        opener, names = opener_of(harness), [f"name {n}" for n in range(50)]

        with processes() as pool:
            shares = await answers([pool.apply_async(start_one_at_a_time, (opener, names)) for _ in range(PROCESSES)])

        for answered in zip(*shares, strict=True):
            assert len({job_id for job_id, _ in answered}) == 1
            assert sum(is_ours for _, is_ours in answered) == 1

    async def test_limit_holds_over_processes(self, harness: Harness) -> None:
        opener, batch = opener_of(harness), [gated(f"key {n % 5}") for n in range(100)]
        async with opened(opener) as store:
            await store.set_rules([of_task(3), of_key(1)])
            await store.enqueue(batch)

            with processes() as pool:
                shares = await answers([pool.apply_async(work_in_bounds, (opener,)) for _ in range(PROCESSES)])

        assert Counter(job_id for ids, _ in shares for job_id in ids) == Counter(new.id for new in batch)
        assert max(most for _, most in shares) <= 3

    async def test_notice_crosses_within_a_second(self, harness: Harness) -> None:
        opener = opener_of(harness)
        async with opened(opener) as store, store.listen(frozenset({NoticeKind.QUEUED})) as ear:
            with processes() as pool:
                result = pool.apply_async(enqueue_one, (opener,))
                heard_at = await heard(store, ear)
                (stored_at,) = await answers([result])

        assert heard_at - stored_at < NOTICED_WITHIN_SECONDS
