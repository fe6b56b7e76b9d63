"""Callers' transactions that commit late: what others make of their jobs then, and who is told."""

import asyncio
from collections import Counter

import pytest

from workmill.store import Store
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
from workmill.testing.conformance.notices import (
    CHANGED,
    QUEUED,
    SCHEDULED,
    changed,
    earlier,
    forget,
    hear,
    queued_on,
    scheduled,
)
from workmill.testing.conformance.within import DEADLINE_SECONDS, beside, enqueue, finish
from workmill.words.outcome import Failed, Returned


class Calls:
    """One caller's transactions, some of which are rolled back."""

    def __init__(self, store: Store, caller: Caller, number: int) -> None:
        self._store = store
        self._caller = caller
        self._number = number
        self.committed: list[str] = []
        self.undone: list[str] = []

    async def run(self) -> None:
        for turn in range(self._number, self._number + 6):
            ids = [one.job.id for one in await enqueue(self._store, self._caller, *new_jobs(1 + turn))]
            await asyncio.sleep(0)
            if turn % 3 == 0:
                await self._caller.roll_back()
                self.undone += ids
            else:
                await self._caller.commit()
                self.committed += ids


async def claim_until(is_over: asyncio.Event, store: Store) -> list[str]:
    """Claim until all is over and nothing is left, and return the ids."""
    worker_id, ids = await hired(store), list[str]()
    while True:
        was_over = is_over.is_set()
        claimed = await claim_all(store, worker_id, at_a_time=3)
        ids += claimed
        if was_over and not claimed:
            return ids
        await asyncio.sleep(0)


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

    async def test_jobs_of_a_caller_that_wrote_before_are_claimed_once_and_in_their_order(
        self, store: Store, caller: Caller
    ) -> None:
        await caller.write("order")
        late = new_jobs(5)

        async def enqueue_and_commit() -> None:
            await enqueue(store, caller, *late[:2])
            await enqueue(store, caller, *late[2:])
            await caller.commit()

        other = await beside(add(store, new_job()), enqueue_and_commit)

        claimed = await claim_all(store, await hired(store), at_a_time=2)
        assert Counter(claimed) == Counter([other.id, *(new.id for new in late)])
        assert [job_id for job_id in claimed if job_id != other.id] == [new.id for new in late]

    async def test_overlapping_callers_skip_and_double_nothing(
        self, store: Store, another: Another, another_caller: AnotherCaller
    ) -> None:
        calls = [Calls(store, await another_caller(), number) for number in range(4)]
        is_over = asyncio.Event()

        async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
            shares = [group.create_task(claim_until(is_over, shop)) for shop in (store, await another())]
            await asyncio.gather(*(each.run() for each in calls))
            is_over.set()

        given = [job_id for share in shares for job_id in share.result()]
        assert Counter(given) == Counter(job_id for each in calls for job_id in each.committed)
        assert not set(given) & {job_id for each in calls for job_id in each.undone}


@pytest.mark.anyio
class TestNoticeWithin:
    """Who listens is told of what a caller's transaction has done, after its commit."""

    async def test_queued(self, store: Store, caller: Caller) -> None:
        async with store.listen(QUEUED) as ear:
            await enqueue(store, caller, new_job(queue="images"))
            await forget(ear)
            await caller.commit()

            await hear(ear, queued_on("images"))

    async def test_scheduled(self, store: Store, caller: Caller) -> None:
        async with store.listen(SCHEDULED) as ear:
            await enqueue(store, caller, new_job(delay=SECOND))
            await forget(ear)
            await caller.commit()

            await hear(ear, scheduled)

    async def test_another_store_hears_of_the_new_job(self, store: Store, caller: Caller, another: Another) -> None:
        async with (await another()).listen(CHANGED) as ear:
            (enqueued,) = await enqueue(store, caller, new_job())
            await forget(ear)
            await caller.commit()

            await hear(ear, changed(enqueued.job))

    async def test_ended(self, store: Store, caller: Caller, another: Another) -> None:
        job = await earlier(another, running)
        async with store.listen(CHANGED) as ear:
            await finish(store, caller, end(job))
            await forget(ear)
            await caller.commit()

            await hear(ear, changed(job))

    async def test_queued_again(self, store: Store, caller: Caller, another: Another) -> None:
        job = await earlier(another, lambda early: running(early, new_job(queue="images")))
        async with store.listen(QUEUED) as ear:
            await finish(store, caller, end(job, Returned()))
            await forget(ear)
            await caller.commit()

            await hear(ear, queued_on("images"))

    async def test_retrying(self, store: Store, caller: Caller, another: Another) -> None:
        job = await earlier(another, lambda early: running(early, new_job(policy=PATIENT)))
        async with store.listen(SCHEDULED) as ear:
            await finish(store, caller, end(job, Failed(failure=ERROR)))
            await forget(ear)
            await caller.commit()

            await hear(ear, scheduled)
