"""Taking jobs: which, in what order, under what right."""

import asyncio
from datetime import timedelta

import pytest

from workmill.store import Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    LEASE,
    SECOND,
    add,
    claim_all,
    hired,
    new_job,
    new_jobs,
    request,
    stored,
)
from workmill.words.errors import LeaseLost
from workmill.words.job import JobState


@pytest.mark.anyio
class TestClaim:
    """A claimed job runs under the worker's lease, with one attempt and one token more."""

    async def test_claimed_job_says_who_has_it(self, store: Store, harness: Harness) -> None:
        new = await add(store, new_job())
        worker_id = await hired(store)
        await harness.advance(SECOND)

        (job,) = await store.claim(request(worker_id, engine=2))

        assert job.state is JobState.RUNNING
        assert (job.worker, job.engine, job.started_at) == (worker_id, 2, await store.now())
        assert (job.attempt, job.token, job.deaths) == (1, 1, 0)
        assert job.version > new.version
        assert job == await stored(store, new.id)

    async def test_nothing_queued_gives_nothing(self, store: Store) -> None:
        assert await store.claim(request(await hired(store), limit=5)) == []

    async def test_limit_bounds_the_claim(self, store: Store) -> None:
        await store.enqueue(new_jobs(5))
        worker_id = await hired(store)

        assert len(await store.claim(request(worker_id, limit=3))) == 3
        assert len(await store.claim(request(worker_id, limit=3))) == 2

    async def test_limit_of_none_takes_nothing(self, store: Store) -> None:
        job = await add(store, new_job())

        assert await store.claim(request(await hired(store), limit=0)) == []
        assert await stored(store, job.id) == job

    async def test_running_job_is_not_claimed_again(self, store: Store) -> None:
        await add(store, new_job())
        await store.claim(request(await hired(store)))

        assert await store.claim(request(await hired(store))) == []

    async def test_scheduled_job_is_not_claimed(self, store: Store, harness: Harness) -> None:
        await add(store, new_job(delay=SECOND))
        await harness.advance(SECOND)

        assert await store.claim(request(await hired(store))) == []


@pytest.mark.anyio
class TestClaimOrder:
    """The highest priority first and, among equals, the one stored first."""

    async def test_oldest_first(self, store: Store, harness: Harness) -> None:
        ids = []
        for _ in range(5):
            ids.append((await add(store, new_job())).id)
            await harness.advance(SECOND)

        claimed = await store.claim(request(await hired(store), limit=5))

        assert [job.id for job in claimed] == ids

    async def test_order_of_storing_decides_within_one_moment(self, store: Store) -> None:
        batch = new_jobs(50)
        await store.enqueue(batch)
        late = await add(store, new_job())
        worker_id = await hired(store)

        claimed = [job for _ in range(51) for job in await store.claim(request(worker_id))]

        assert [job.id for job in claimed] == [*(new.id for new in batch), late.id]

    async def test_higher_priority_first(self, store: Store) -> None:
        batch = [new_job(priority=priority) for priority in (0, -5, 7, 7, 100, -5)]
        await store.enqueue(batch)

        claimed = await store.claim(request(await hired(store), limit=6))

        assert [job.id for job in claimed] == [batch[place].id for place in (4, 2, 3, 0, 1, 5)]

    async def test_order_holds_over_tasks_and_queues(self, store: Store) -> None:
        lanes = [("a", "x"), ("b", "y"), ("a", "y"), ("b", "x")]
        batch = [new_job(task=task, queue=queue, priority=n % 3) for n in range(6) for task, queue in lanes]
        await store.enqueue(batch)
        worker_id = await hired(store)

        claimed = []
        for limit in (1, 7, 2, 14):
            claimed += await store.claim(request(worker_id, tasks=("b", "a"), queues=("x", "y"), limit=limit))

        expected = sorted(range(24), key=lambda place: (-batch[place].priority, place))
        assert [job.id for job in claimed] == [batch[place].id for place in expected]


@pytest.mark.anyio
class TestClaimScope:
    """Only the tasks that the worker knows, on the queues that it takes."""

    async def test_unknown_tasks_stay(self, store: Store) -> None:
        other = await add(store, new_job(task="unknown", priority=9))
        known = await add(store, new_job(task="known"))

        claimed = await store.claim(request(await hired(store), tasks=("known", "absent"), limit=5))

        assert [job.id for job in claimed] == [known.id]
        assert await stored(store, other.id) == other

    async def test_no_task_gives_nothing(self, store: Store) -> None:
        await add(store, new_job())

        assert await store.claim(request(await hired(store), tasks=())) == []

    async def test_other_queues_stay(self, store: Store) -> None:
        await add(store, new_job(queue="other", priority=9))
        named = await add(store, new_job(queue="named"))

        claimed = await store.claim(request(await hired(store), queues=("named", "absent"), limit=5))

        assert [job.id for job in claimed] == [named.id]

    async def test_no_queue_gives_nothing(self, store: Store) -> None:
        await add(store, new_job())

        assert await store.claim(request(await hired(store), queues=())) == []

    async def test_none_takes_every_queue(self, store: Store) -> None:
        batch = [new_job(queue=queue) for queue in ("default", "b", "a")]
        await store.enqueue(batch)

        claimed = await store.claim(request(await hired(store), queues=None, limit=5))

        assert [job.id for job in claimed] == [new.id for new in batch]

    async def test_names_are_compared_exactly(self, store: Store) -> None:
        await store.enqueue([new_job(task="Resize"), new_job(queue="Default"), new_job(task="resize2")])

        assert await store.claim(request(await hired(store), queues=("default",), limit=5)) == []


@pytest.mark.anyio
class TestClaimRight:
    """Without a live lease there is no claim."""

    async def test_unknown_worker_is_refused(self, store: Store) -> None:
        job = await add(store, new_job())

        with pytest.raises(LeaseLost) as refused:
            await store.claim(request("nobody"))

        assert refused.value.worker_id == "nobody"
        assert await stored(store, job.id) == job

    async def test_lease_is_good_until_its_end(self, store: Store, harness: Harness) -> None:
        await add(store, new_job())
        worker_id = await hired(store)
        await harness.advance(LEASE - SECOND)

        assert len(await store.claim(request(worker_id))) == 1

    async def test_ended_lease_is_refused(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job())
        worker_id = await hired(store)
        await harness.advance(LEASE)

        with pytest.raises(LeaseLost):
            await store.claim(request(worker_id))

        assert await stored(store, job.id) == job

    async def test_worker_that_left_is_refused(self, store: Store) -> None:
        await add(store, new_job())
        worker_id = await hired(store)
        await store.leave(worker_id)

        with pytest.raises(LeaseLost):
            await store.claim(request(worker_id))

    async def test_refusal_does_not_depend_on_what_is_queued(self, store: Store) -> None:
        with pytest.raises(LeaseLost):
            await store.claim(request("nobody", limit=0))


@pytest.mark.anyio
class TestClaimRace:
    """No job is given to two claims."""

    async def test_many_claimers_on_several_stores_share_without_overlap(self, store: Store, another: Another) -> None:
        batch = new_jobs(300)
        await store.enqueue(batch)
        stores = [store, await another(), await another()]
        workers = [await hired(store, lease=timedelta(hours=1)) for _ in range(9)]

        async with asyncio.timeout(60):
            shares = await asyncio.gather(
                *(claim_all(stores[n % 3], worker, at_a_time=n % 4 + 1) for n, worker in enumerate(workers)),
            )

        claimed = [job_id for share in shares for job_id in share]
        assert len(claimed) == 300
        assert set(claimed) == {new.id for new in batch}
