"""Leases: the right to hold jobs, how it is prolonged, how it ends, and who leads."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from workmill.store import Renewal, Store, Worker
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    LEASE,
    SECOND,
    add,
    end,
    hired,
    new_job,
    new_jobs,
    new_worker,
    request,
    running,
    settle,
)
from workmill.words.errors import LeaseLost
from workmill.words.order import Order


async def listed(store: Store, worker_id: str) -> Worker:
    """Return a worker that must be listed."""
    (worker,) = [worker for worker in await store.workers() if worker.id == worker_id]
    return worker


async def leaders(store: Store) -> list[str]:
    """Return the workers that lead."""
    return [worker.id for worker in await store.workers() if worker.is_leader]


@pytest.mark.anyio
class TestLease:
    """A lease lasts its length from the newest renewal, and never comes back."""

    async def test_registered_worker_is_listed_as_it_said(self, store: Store, another: Another) -> None:
        new = new_worker(queues=("b", "a"), tasks=("t", "s"), lease=timedelta(seconds=40))

        await store.register(new)

        worker, now = await listed(await another(), new.id), await store.now()
        assert (worker.name, worker.host, worker.pid, worker.concurrency) == ("mill", "localhost", 4711, 16)
        assert (worker.queues, worker.tasks, worker.running) == (("b", "a"), ("t", "s"), 0)
        assert (worker.started_at, worker.lease_ends_at) == (now, now + timedelta(seconds=40))
        assert worker.is_live
        assert not worker.is_leader

    async def test_worker_for_all_queues_is_listed_so(self, store: Store) -> None:
        assert (await listed(store, await hired(store))).queues is None

    async def test_worker_for_no_queue_is_not_one_for_all(self, store: Store) -> None:
        new = new_worker(queues=(), tasks=())

        await store.register(new)

        worker = await listed(store, new.id)
        assert (worker.queues, worker.tasks) == ((), ())

    async def test_renewal_counts_from_now(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store)
        await harness.advance(10 * SECOND)

        renewal = await store.renew(worker_id)

        assert renewal.is_live
        assert (await listed(store, worker_id)).lease_ends_at == await store.now() + LEASE

    async def test_renewed_lease_outlives_its_first_end(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store)
        for _ in range(4):
            await harness.advance(LEASE - SECOND)
            assert (await store.renew(worker_id)).is_live

        await add(store, new_job())

        assert len(await store.claim(request(worker_id))) == 1

    async def test_ended_lease_stays_ended(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store)
        await harness.advance(LEASE)

        assert await store.renew(worker_id) == Renewal(is_live=False, is_leader=False)

        assert not (await listed(store, worker_id)).is_live
        with pytest.raises(LeaseLost):
            await store.claim(request(worker_id))

    async def test_registering_again_renews_a_live_lease(self, store: Store, harness: Harness) -> None:
        new = new_worker()
        await store.register(new)
        started_at = await store.now()
        await harness.advance(10 * SECOND)

        await store.register(new)

        worker = await listed(store, new.id)
        assert (worker.started_at, worker.lease_ends_at) == (started_at, await store.now() + LEASE)

    async def test_registering_again_notes_what_the_worker_now_is(self, store: Store) -> None:
        new = new_worker()
        await store.register(new)

        await store.register(replace(new, tasks=("later", "now"), concurrency=7))

        worker = await listed(store, new.id)
        assert (worker.tasks, worker.concurrency) == (("later", "now"), 7)

    async def test_registering_again_does_not_bring_an_ended_lease_back(self, store: Store, harness: Harness) -> None:
        new = new_worker()
        await store.register(new)
        await harness.advance(LEASE)

        await store.register(new)

        assert not (await store.renew(new.id)).is_live
        assert not (await listed(store, new.id)).is_live

    async def test_unknown_worker_has_nothing_to_renew(self, store: Store) -> None:
        assert await store.renew("nobody") == Renewal(is_live=False, is_leader=False)
        assert await store.workers() == []

    async def test_leaving_ends_the_lease_now(self, store: Store) -> None:
        worker_id = await hired(store)

        await store.leave(worker_id)

        worker = await listed(store, worker_id)
        assert (worker.is_live, worker.lease_ends_at) == (False, await store.now())
        assert not (await store.renew(worker_id)).is_live

    async def test_leaving_again_or_as_a_stranger_is_no_error(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store)
        await store.leave(worker_id)
        ended_at = await store.now()
        await harness.advance(SECOND)

        await store.leave(worker_id)
        await store.leave("nobody")

        assert (await listed(store, worker_id)).lease_ends_at == ended_at


@pytest.mark.anyio
class TestOrders:
    """A live worker's renewals answer the newest order it was given; a stop is the last."""

    async def test_worker_is_to_work_unless_told_otherwise(self, store: Store) -> None:
        worker_id = await hired(store)

        assert (await store.renew(worker_id)).order is Order.WORK
        assert (await listed(store, worker_id)).order is Order.WORK

    async def test_order_is_answered_by_every_renewal_from_then_on(self, store: Store, another: Another) -> None:
        quiet, other = await hired(store), await hired(store)

        assert await (await another()).order([quiet], Order.QUIET) == [True]

        for _ in range(2):
            assert (await store.renew(quiet)).order is Order.QUIET
            assert (await store.renew(other)).order is Order.WORK
        assert (await listed(store, quiet)).order is Order.QUIET

    async def test_quiet_worker_may_be_told_to_work_again(self, store: Store) -> None:
        worker_id = await hired(store)
        await store.order([worker_id], Order.QUIET)

        await store.order([worker_id], Order.WORK)

        assert (await store.renew(worker_id)).order is Order.WORK

    async def test_stop_is_the_last_order(self, store: Store) -> None:
        worker_id = await hired(store)
        await store.order([worker_id], Order.STOP)

        assert await store.order([worker_id], Order.WORK) == [True]

        assert (await store.renew(worker_id)).order is Order.STOP

    async def test_registering_again_keeps_the_order(self, store: Store) -> None:
        new = new_worker()
        await store.register(new)
        await store.order([new.id], Order.QUIET)

        await store.register(new)

        assert (await store.renew(new.id)).order is Order.QUIET

    async def test_dead_and_unknown_workers_are_told_nothing(self, store: Store, harness: Harness) -> None:
        dead = await hired(store)
        await harness.advance(LEASE)
        live = await hired(store)

        assert await store.order([dead, "nobody", live, live], Order.QUIET) == [False, False, True, True]

        assert (await listed(store, dead)).order is Order.WORK

    async def test_order_to_nobody_is_answered_with_nothing(self, store: Store) -> None:
        assert await store.order([], Order.STOP) == []

    async def test_order_leaves_lease_and_claims_alone(self, store: Store) -> None:
        worker_id = await hired(store)
        before = await listed(store, worker_id)
        await store.order([worker_id], Order.QUIET)
        await add(store, new_job())

        assert (await listed(store, worker_id)).lease_ends_at == before.lease_ends_at
        assert len(await store.claim(request(worker_id))) == 1


@pytest.mark.anyio
class TestWorkers:
    """Workers are listed, newest first, while they live and a day longer."""

    async def test_newest_first(self, store: Store, harness: Harness) -> None:
        ids = []
        for _ in range(3):
            ids.append(await hired(store))
            await harness.advance(SECOND)

        assert [worker.id for worker in await store.workers()] == ids[::-1]

    async def test_running_jobs_are_counted(self, store: Store) -> None:
        busy, idle = await hired(store), await hired(store)
        await store.enqueue(new_jobs(3))
        jobs = await store.claim(request(busy, limit=3))
        await settle(store, end(jobs[0]))

        assert (await listed(store, busy)).running == 2
        assert (await listed(store, idle)).running == 0

    async def test_ended_worker_is_listed_for_a_day(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store)
        await harness.advance(LEASE + timedelta(hours=23))
        await store.prune(10)

        assert [(worker.id, worker.is_live) for worker in await store.workers()] == [(worker_id, False)]

    async def test_worker_is_listed_no_more_a_day_after_its_end(self, store: Store, harness: Harness) -> None:
        await hired(store)
        await harness.advance(LEASE + timedelta(hours=25))

        before = await store.workers()
        await store.prune(10)

        assert before == await store.workers() == []

    async def test_live_worker_is_listed_however_old(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store, lease=timedelta(days=30))
        await harness.advance(timedelta(days=29))

        await store.prune(10)

        assert [worker.id for worker in await store.workers()] == [worker_id]


@pytest.mark.anyio
class TestLeader:
    """At most one live worker leads; when it ends, the next that renews takes over."""

    async def test_first_to_renew_leads(self, store: Store) -> None:
        first, second = await hired(store), await hired(store)

        assert (await store.renew(second)).is_leader
        assert not (await store.renew(first)).is_leader
        assert (await store.renew(second)).is_leader
        assert await leaders(store) == [second]

    async def test_nobody_leads_before_a_renewal(self, store: Store) -> None:
        await hired(store)

        assert await leaders(store) == []

    async def test_ended_leader_is_replaced(self, store: Store, harness: Harness) -> None:
        first, second = await hired(store), await hired(store, lease=timedelta(hours=1))
        assert (await store.renew(first)).is_leader
        await harness.advance(LEASE)

        assert (await store.renew(second)).is_leader
        assert await store.renew(first) == Renewal(is_live=False, is_leader=False)
        assert await leaders(store) == [second]

    async def test_ended_leader_leads_no_more_before_it_is_replaced(self, store: Store, harness: Harness) -> None:
        await store.renew(await hired(store))
        await harness.advance(LEASE)

        assert await leaders(store) == []

    async def test_leader_that_left_is_replaced_at_once(self, store: Store) -> None:
        first, second = await hired(store), await hired(store)
        await store.renew(first)

        await store.leave(first)

        assert await leaders(store) == []
        assert (await store.renew(second)).is_leader

    async def test_leader_leads_on_while_it_renews(self, store: Store, harness: Harness) -> None:
        first, second = await hired(store), await hired(store)
        for _ in range(5):
            assert (await store.renew(first)).is_leader
            assert not (await store.renew(second)).is_leader
            await harness.advance(LEASE - SECOND)

    async def test_racing_renewals_elect_one(self, store: Store, another: Another) -> None:
        stores = [store, await another(), await another()]
        workers = [await hired(store) for _ in range(12)]

        async with asyncio.timeout(30):
            renewals = await asyncio.gather(*(stores[n % 3].renew(worker) for n, worker in enumerate(workers)))

        elected = [worker for worker, renewal in zip(workers, renewals, strict=True) if renewal.is_leader]
        assert len(elected) == 1
        assert await leaders(store) == elected

    async def test_leading_is_apart_from_holding_jobs(self, store: Store) -> None:
        job = await running(store)

        assert job.worker is not None
        assert (await store.renew(job.worker)).is_leader
