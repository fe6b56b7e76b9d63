"""Transactions of a caller's own: jobs and ends of attempts come and go with whatever else is done in them.

A store may let only one transaction write at a time. So what else writes while a caller's transaction is open is
started beside it and awaited after its end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import TypeVar

import pytest

from workmill.store import Enqueued, Store, Verdict
from workmill.testing.conformance.fixtures import AnotherCaller
from workmill.testing.conformance.harness import Caller, Harness
from workmill.testing.conformance.making import (
    PATIENT,
    SECOND,
    claim_all,
    end,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    stored,
)
from workmill.words.errors import StoreError
from workmill.words.job import JobState, NewJob
from workmill.words.transition import Transition

T = TypeVar("T")

DEADLINE_SECONDS = 20.0
HEAD_START_SECONDS = 0.05
JOINS = "this store joins transactions"


async def enqueue(store: Store, caller: Caller, *jobs: NewJob) -> list[Enqueued]:
    """Store jobs in the caller's transaction."""
    return await caller.hold(await store.enqueue_within(jobs))


async def finish(store: Store, caller: Caller, transition: Transition) -> Verdict:
    """End an attempt in the caller's transaction."""
    return await caller.hold(store.settle_within(transition))


async def beside(waiting: Coroutine[object, object, T], go_on: Callable[[], Awaitable[None]]) -> T:
    """Start what may have to wait, then go on until it need not wait, and return what came of it."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        task = asyncio.create_task(waiting)
        await asyncio.wait({task}, timeout=HEAD_START_SECONDS)
        await go_on()
        return await task


@pytest.mark.anyio
class TestJoining:
    """A store says which connections' transactions it joins, and refuses where it joins none."""

    async def test_capabilities_say_whether_it_joins(self, store: Store, harness: Harness) -> None:
        caller = await harness.caller()

        assert (caller is not None) == bool(store.capabilities.joins)

        if caller is not None:
            await caller.close()

    async def test_store_that_joins_nothing_refuses_to_enqueue(self, store: Store) -> None:
        if store.capabilities.joins:
            pytest.skip(JOINS)

        with pytest.raises(StoreError):
            await store.enqueue_within([new_job()])

    async def test_store_that_joins_nothing_refuses_to_settle(self, store: Store) -> None:
        if store.capabilities.joins:
            pytest.skip(JOINS)
        job = await running(store)

        with pytest.raises(StoreError):
            store.settle_within(end(job))


@pytest.mark.anyio
class TestEnqueueWithin:
    """A job that is stored in a caller's transaction is there if, and once, that is committed."""

    async def test_others_see_the_job_from_the_commit_on(self, store: Store, caller: Caller) -> None:
        (enqueued,) = await enqueue(store, caller, new_job(queue="images", priority=7, args=b'{"n":1}', policy=PATIENT))
        before = await store.get([enqueued.job.id])
        await caller.commit()

        assert enqueued.created
        assert before == [None]
        assert await stored(store, enqueued.job.id) == enqueued.job

    async def test_caller_sees_the_job_at_once(self, store: Store, caller: Caller) -> None:
        new = new_job(key="a")
        (first,) = await enqueue(store, caller, new)

        (by_id,), (by_key,) = await enqueue(store, caller, new), await enqueue(store, caller, new_job(key="a"))

        assert (by_id.created, by_key.created) == (False, False)
        assert by_id.job == by_key.job == first.job

    async def test_rolled_back_job_was_never_there(self, store: Store, caller: Caller) -> None:
        new = new_job(key="a", args=b'{"n":1}')
        await caller.write("order")
        await enqueue(store, caller, new)
        await caller.roll_back()

        assert await store.get([new.id]) == [None]
        assert await store.counts() == []
        assert await store.claim(request(await hired(store))) == []
        assert await caller.read() == []
        (free,) = await store.enqueue([new_job(key="a", args=b'{"n":2}')])
        assert free.created

    async def test_what_is_prepared_but_never_said_stores_nothing(self, store: Store, caller: Caller) -> None:
        new = new_job()

        await store.enqueue_within([new])
        await caller.commit()

        assert await store.get([new.id]) == [None]

    async def test_closed_connection_takes_the_job_along(self, store: Store, caller: Caller) -> None:
        (enqueued,) = await enqueue(store, caller, new_job())

        await caller.close()

        assert await store.get([enqueued.job.id]) == [None]
        assert await store.claim(request(await hired(store))) == []

    async def test_job_comes_with_the_callers_rows(
        self, store: Store, caller: Caller, another_caller: AnotherCaller
    ) -> None:
        await caller.write("order")
        (enqueued,) = await enqueue(store, caller, new_job())
        await caller.write("line")
        await caller.commit()

        assert await (await another_caller()).read() == ["order", "line"]
        (claimed,) = await store.claim(request(await hired(store)))
        assert claimed.id == enqueued.job.id

    async def test_batch_is_answered_in_its_order(self, store: Store, caller: Caller) -> None:
        batch = [new_job(key=f"key {number}" if number % 3 else None) for number in range(20)]

        enqueued = await enqueue(store, caller, *batch)
        await caller.commit()

        assert [one.job.id for one in enqueued] == [new.id for new in batch]
        assert all(one.created for one in enqueued)
        assert await store.get([new.id for new in batch]) == [one.job for one in enqueued]
        assert await claim_all(store, await hired(store), at_a_time=3) == [new.id for new in batch]

    async def test_empty_batch_stores_nothing(self, store: Store, caller: Caller) -> None:
        assert await enqueue(store, caller) == []
        await caller.commit()

        assert await store.counts() == []

    async def test_delay_counts_from_the_storing(self, store: Store, caller: Caller) -> None:
        (enqueued,) = await enqueue(store, caller, new_job(delay=30 * SECOND))
        await caller.commit()

        job = await stored(store, enqueued.job.id)
        assert job == enqueued.job
        assert (job.state, job.run_at) == (JobState.SCHEDULED, await store.now() + 30 * SECOND)

    async def test_scheduled_job_runs_at_its_time(self, store: Store, caller: Caller, harness: Harness) -> None:
        later = await store.now() + timedelta(hours=1)
        (enqueued,) = await enqueue(store, caller, new_job(run_at=later))
        await caller.commit()

        early = await store.claim(request(await hired(store)))
        await harness.advance(timedelta(hours=1))
        await store.promote(10)

        assert early == []
        (claimed,) = await store.claim(request(await hired(store)))
        assert (claimed.id, claimed.run_at) == (enqueued.job.id, later)

    async def test_run_at_that_is_past_is_queued_and_kept(self, store: Store, caller: Caller) -> None:
        earlier = await store.now() - timedelta(hours=1)
        (enqueued,) = await enqueue(store, caller, new_job(run_at=earlier))
        await caller.commit()

        job = await stored(store, enqueued.job.id)
        assert (job.state, job.run_at) == (JobState.QUEUED, earlier)

    async def test_any_text_is_stored_as_it_is(self, store: Store, caller: Caller) -> None:
        new = new_job(key='½ "\\u0000" \\ %s', queue="büro %", args='{"text":"日本 \\u0000 \\\\ \' % ½ 🏭"}'.encode())
        (enqueued,) = await enqueue(store, caller, new)
        await caller.commit()

        job = await stored(store, new.id)
        assert (job.key, job.queue, job.args) == (new.key, new.queue, new.args)
        assert job == enqueued.job

    async def test_jobs_are_counted_from_the_commit_on(self, store: Store, caller: Caller) -> None:
        await enqueue(store, caller, *new_jobs(3), new_job(delay=SECOND))
        before = await store.counts()
        await caller.commit()

        assert before == []
        counted = {count.state: count.jobs for count in await store.counts()}
        assert counted == {JobState.QUEUED: 3, JobState.SCHEDULED: 1}
