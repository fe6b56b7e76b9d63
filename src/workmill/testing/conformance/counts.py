"""Counting: always equal to what listing gives."""

from collections import Counter

import pytest

from workmill.store import Count, JobFilter, Store
from workmill.testing.conformance.making import SECOND, add, end, hired, new_job, new_jobs, request, settle
from workmill.words.errors import JobConflict
from workmill.words.job import JobState


async def listed_counts(store: Store) -> set[Count]:
    """Count what listing gives."""
    page = await store.find(JobFilter(), limit=10_000, cursor=None)
    kinds = Counter((job.queue, job.task, job.state) for job in page.jobs)
    return {Count(queue=queue, task=task, state=state, jobs=jobs) for (queue, task, state), jobs in kinds.items()}


@pytest.mark.anyio
class TestCounts:
    """How many jobs there are, by queue, task and state."""

    async def test_empty_store_has_none(self, store: Store) -> None:
        assert await store.counts() == []

    async def test_each_kind_is_counted_apart(self, store: Store) -> None:
        await store.enqueue([new_job(task="a", queue="x"), new_job(task="a", queue="y"), new_job(task="b", queue="x")])
        await store.enqueue([new_job(task="a", queue="x"), new_job(task="a", queue="x", delay=SECOND)])

        counts = await store.counts()

        assert {(one.queue, one.task, one.state, one.jobs) for one in counts} == {
            ("x", "a", "queued", 2),
            ("x", "a", "scheduled", 1),
            ("y", "a", "queued", 1),
            ("x", "b", "queued", 1),
        }
        assert len(counts) == 4

    async def test_zeros_are_left_out(self, store: Store) -> None:
        await add(store, new_job())

        await store.claim(request(await hired(store)))

        assert [(one.state, one.jobs) for one in await store.counts()] == [(JobState.RUNNING, 1)]

    async def test_stale_and_repeated_writes_are_not_counted(self, store: Store) -> None:
        batch = new_jobs(3)
        await store.enqueue([*batch, batch[0]])
        await store.enqueue(batch)
        jobs = await store.claim(request(await hired(store), limit=2))
        await store.settle([end(jobs[0]), end(jobs[0])])
        await store.settle([end(jobs[0])])
        await store.cancel([batch[2].id, batch[2].id, jobs[0].id, "no such job"], None)
        await settle(store, end(jobs[1]))

        counts = await store.counts()

        assert {(one.state, one.jobs) for one in counts} == {("succeeded", 2), ("cancelled", 1)}
        assert set(counts) == await listed_counts(store)

    async def test_refused_batch_is_not_counted(self, store: Store) -> None:
        await add(store, new_job(key="a"))

        with pytest.raises(JobConflict):
            await store.enqueue([new_job(), new_job(key="a", args=b'{"n":2}')])

        assert sum(one.jobs for one in await store.counts()) == 1
