"""Pauses: queues whose jobs do not begin."""

import asyncio

import pytest

from workmill.store import Pause, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import SECOND, add, end, hired, new_job, new_jobs, request, running, stored
from workmill.testing.conformance.notices import QUEUED, earlier, hear, listening, queued_on
from workmill.words.job import JobState
from workmill.words.ties import After


async def running_jobs(store: Store) -> int:
    """Return how many jobs run."""
    return sum(count.jobs for count in await store.counts() if count.state is JobState.RUNNING)


@pytest.mark.anyio
class TestPause:
    """No job on a paused queue begins until it is resumed."""

    async def test_jobs_on_a_paused_queue_are_passed_over(self, store: Store) -> None:
        await add(store, new_job(queue="held", priority=9))
        other = await add(store, new_job())
        await store.pause(["held"])

        claimed = await store.claim(request(await hired(store), limit=5))

        assert [job.id for job in claimed] == [other.id]

    async def test_all_tasks_are_held(self, store: Store) -> None:
        await store.enqueue([new_job(task=task) for task in ("a", "b", "a")])
        await store.pause(["default"])

        assert await store.claim(request(await hired(store), tasks=("a", "b"), limit=5)) == []

    async def test_job_stored_later_does_not_begin_either(self, store: Store) -> None:
        await store.pause(["default"])

        job = await add(store, new_job())

        assert job.state is JobState.QUEUED
        assert await store.claim(request(await hired(store))) == []

    async def test_naming_the_queue_does_not_help(self, store: Store) -> None:
        await add(store, new_job())
        await store.pause(["default"])

        assert await store.claim(request(await hired(store), queues=("default",))) == []

    async def test_settle_does_not_claim_there_either(self, store: Store) -> None:
        worker_id = await hired(store)
        job = await running(store, worker_id=worker_id)
        await add(store, new_job())
        await store.pause(["default"])

        settled = await store.settle([end(job)], request(worker_id, limit=5))

        assert settled.claimed == ()
        assert (await stored(store, job.id)).state is JobState.SUCCEEDED

    async def test_what_runs_goes_on(self, store: Store) -> None:
        job = await running(store)
        await store.pause(["default"])

        settled = await store.settle([end(job)])

        assert settled.verdicts == ("applied",)

    async def test_resumed_jobs_begin_in_their_order(self, store: Store) -> None:
        batch = new_jobs(5)
        await store.pause(["default"])
        await store.enqueue(batch)
        early = await store.claim(request(await hired(store), limit=9))
        await store.resume(["default"])

        claimed = await store.claim(request(await hired(store), limit=9))

        assert early == []
        assert [job.id for job in claimed] == [new.id for new in batch]

    async def test_promoted_and_released_jobs_do_not_begin(self, store: Store, harness: Harness) -> None:
        parent = await running(store, new_job(queue="parents"))
        await store.pause(["default"])
        await store.enqueue([new_job(delay=SECOND), new_job(after=After(jobs=(parent.id,)))])
        await harness.advance(SECOND)
        await store.promote(10)
        await store.settle([end(parent)])

        assert await store.claim(request(await hired(store), limit=5)) == []
        await store.resume(["default"])
        assert len(await store.claim(request(await hired(store), limit=5))) == 2

    async def test_pause_says_since_when_and_by_whom(self, store: Store, another: Another, harness: Harness) -> None:
        await store.pause(["b"], by="anna")
        first = await store.now()
        await harness.advance(SECOND)
        await store.pause(["a"])

        pauses = [Pause(queue="a", since=await store.now(), by=None), Pause(queue="b", since=first, by="anna")]
        assert await store.pauses() == pauses
        assert await (await another()).pauses() == pauses

    async def test_one_that_is_paused_stays_as_it_is(self, store: Store, harness: Harness) -> None:
        await store.pause(["a"], by="anna")
        before = await store.pauses()
        await harness.advance(SECOND)

        await store.pause(["a", "a"], by="ben")

        assert await store.pauses() == before

    async def test_several_at_once(self, store: Store) -> None:
        await store.pause(["a", "b", "c"])
        await store.resume(["c", "a"])

        assert [pause.queue for pause in await store.pauses()] == ["b"]

    async def test_resume_of_one_that_is_not_paused_is_no_error(self, store: Store) -> None:
        await store.resume(["never seen"])

        assert await store.pauses() == []

    async def test_none_named_pauses_and_resumes_none(self, store: Store) -> None:
        await store.pause(["a"])
        await store.pause([])
        await store.resume([])

        assert [pause.queue for pause in await store.pauses()] == ["a"]

    async def test_any_name_can_be_paused(self, store: Store) -> None:
        name = "½ %_ \\ 'büro' 🏭"
        await store.pause([name], by=name)
        await add(store, new_job(queue=name))

        assert [(pause.queue, pause.by) for pause in await store.pauses()] == [(name, name)]
        assert await store.claim(request(await hired(store))) == []

    async def test_another_store_heeds_the_pause_at_once(self, store: Store, another: Another) -> None:
        other = await another()
        await store.enqueue(new_jobs(3))
        worker_id = await hired(other)
        first = await other.claim(request(worker_id))
        await store.pause(["default"])

        second = await other.claim(request(worker_id))
        await store.resume(["default"])

        assert (len(first), second) == (1, [])
        assert len(await other.claim(request(worker_id))) == 1

    async def test_resume_is_told(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: early.pause(["held"]))
        await earlier(another, lambda early: add(early, new_job(queue="held")))
        async with listening(store, QUEUED) as ear:
            await store.resume(["held"])

            await hear(ear, queued_on("held"))

    async def test_nothing_begins_after_a_pause_that_races_with_claims(self, store: Store, another: Another) -> None:
        stores = [store, await another(), await another()]
        await store.enqueue(new_jobs(60))
        workers = [await hired(one) for one in stores]

        async with asyncio.timeout(60):
            claims = [asyncio.create_task(stores[n % 3].claim(request(workers[n % 3], limit=2))) for n in range(12)]
            await (await another()).pause(["default"])
            begun = await running_jobs(store)
            late = await store.claim(request(workers[0], limit=60))
            await asyncio.gather(*claims)

        assert late == []
        assert await running_jobs(store) == begun
