"""Callers' transactions that commit late: what others make of their jobs then, and who is told."""

import asyncio

import pytest

from workmill.store import NoticeKind, Store
from workmill.testing.conformance.fixtures import Another, AnotherCaller
from workmill.testing.conformance.harness import Caller
from workmill.testing.conformance.making import (
    ERROR,
    PATIENT,
    SECOND,
    add,
    claim_all,
    end,
    hired,
    new_job,
    new_jobs,
    request,
    running,
)
from workmill.testing.conformance.notices import CHANGED, QUEUED, SCHEDULED, changed, hear, queued_on, scheduled
from workmill.testing.conformance.within import DEADLINE_SECONDS, beside, enqueue, finish
from workmill.words.outcome import Failed, Returned


@pytest.mark.anyio
class TestLateCommit:
    """However late a transaction commits, its jobs are neither skipped nor given twice."""

    async def test_order_is_that_of_the_storing(self, store: Store, caller: Caller) -> None:
        (first,) = await enqueue(store, caller, new_job())

        second = await beside(add(store, new_job()), caller.commit)

        claimed = await store.claim(request(await hired(store), limit=10))
        assert [job.id for job in claimed] == [first.job.id, second.id]

    async def test_late_jobs_are_claimed_once_and_in_order(
        self, store: Store, caller: Caller, another: Another
    ) -> None:
        early = await add(store, new_job())
        late = [one.job.id for one in await enqueue(store, caller, *new_jobs(5))]

        async def others() -> list[str]:
            await store.enqueue([new_job()])
            return await claim_all(store, await hired(store), at_a_time=10)

        before = await beside(others(), caller.commit)
        after = await claim_all(await another(), await hired(store), at_a_time=2)

        assert before[0] == early.id
        assert len(before + after) == 7
        assert [job_id for job_id in before + after if job_id in late] == late

    async def test_overlapping_callers_skip_and_double_nothing(
        self, store: Store, another: Another, another_caller: AnotherCaller
    ) -> None:
        committed, undone = set[str](), set[str]()
        is_over = asyncio.Event()
        callers = [await another_caller() for _ in range(4)]

        async def call(number: int, caller: Caller) -> None:
            for turn in range(6):
                jobs = {one.job.id for one in await enqueue(store, caller, *new_jobs(number + turn))}
                await asyncio.sleep(0)
                if (number + turn) % 3 == 0:
                    await caller.roll_back()
                    undone.update(jobs)
                else:
                    await caller.commit()
                    committed.update(jobs)

        async def claim(shop: Store) -> list[str]:
            worker_id, ids = await hired(shop), list[str]()
            while True:
                was_over = is_over.is_set()
                claimed = await claim_all(shop, worker_id, at_a_time=3)
                ids += claimed
                if was_over and not claimed:
                    return ids
                await asyncio.sleep(0)

        async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as claiming:
            shares = [claiming.create_task(claim(shop)) for shop in (store, await another())]
            async with asyncio.TaskGroup() as calling:
                for number, caller in enumerate(callers):
                    calling.create_task(call(number, caller))
            is_over.set()

        given = [job_id for share in shares for job_id in share.result()]
        assert len(given) == len(set(given))
        assert set(given) == committed
        assert undone
        assert not undone & set(given)


@pytest.mark.anyio
class TestNoticeWithin:
    """Who listens is told of what a caller's transaction has done, after its commit."""

    async def test_queued(self, store: Store, caller: Caller) -> None:
        async with store.listen(QUEUED) as ear:
            await enqueue(store, caller, new_job(queue="images"))
            await caller.commit()

            await hear(ear, queued_on("images"))

    async def test_scheduled(self, store: Store, caller: Caller) -> None:
        async with store.listen(SCHEDULED) as ear:
            await enqueue(store, caller, new_job(delay=SECOND))
            await caller.commit()

            await hear(ear, scheduled)

    async def test_another_store_hears_of_the_new_job(self, store: Store, caller: Caller, another: Another) -> None:
        async with (await another()).listen(CHANGED) as ear:
            (enqueued,) = await enqueue(store, caller, new_job())
            await caller.commit()

            await hear(ear, changed(enqueued.job))

    async def test_ended(self, store: Store, caller: Caller) -> None:
        job = await running(store)
        async with store.listen(CHANGED) as ear:
            await finish(store, caller, end(job))
            await caller.commit()

            await hear(ear, changed(job))

    async def test_queued_again(self, store: Store, caller: Caller) -> None:
        job = await running(store, new_job(queue="images"))
        async with store.listen(QUEUED) as ear:
            await finish(store, caller, end(job, Returned()))
            await caller.commit()

            await hear(ear, queued_on("images"))

    async def test_retrying(self, store: Store, caller: Caller) -> None:
        job = await running(store, new_job(policy=PATIENT))
        async with store.listen(frozenset({NoticeKind.SCHEDULED})) as ear:
            await finish(store, caller, end(job, Failed(failure=ERROR)))
            await caller.commit()

            await hear(ear, scheduled)
