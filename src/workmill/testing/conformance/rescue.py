"""What dead workers held: finding it, and taking it back once, whoever else tries."""

import asyncio
from datetime import timedelta
from itertools import chain

import pytest

from workmill.store import Store, Verdict
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DEATH,
    LEASE,
    SECOND,
    add,
    end,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    settle,
    stored,
    verdict,
)
from workmill.words.job import JobState
from workmill.words.outcome import Interrupted

DEAD = Interrupted(failure=DEATH)


async def rescue(store: Store) -> list[Verdict]:
    """Take back what dead workers held, as the rescuer does."""
    expired = await store.expired(100)
    return list((await store.settle([end(job, DEAD) for job in expired])).verdicts)


@pytest.mark.anyio
class TestHeld:
    """Who holds what."""

    async def test_worker_holds_what_it_claimed(self, store: Store) -> None:
        await store.enqueue(new_jobs(4))
        mine, other = await hired(store), await hired(store)
        jobs = await store.claim(request(mine, limit=3))
        await store.claim(request(other))
        await settle(store, end(jobs[1]))

        held = await store.held(mine)

        assert {job.id: job for job in held} == {job.id: job for job in (jobs[0], jobs[2])}

    async def test_each_engine_holds_its_own(self, store: Store) -> None:
        await store.enqueue(new_jobs(3))
        worker_id = await hired(store)
        (first,) = await store.claim(request(worker_id, engine=0))
        (second,) = await store.claim(request(worker_id, engine=1))

        assert await store.held(worker_id, 0) == [first]
        assert await store.held(worker_id, 1) == [second]
        assert await store.held(worker_id, 2) == []
        assert len(await store.held(worker_id)) == 2

    async def test_stranger_holds_nothing(self, store: Store) -> None:
        await running(store)

        assert await store.held("nobody") == []

    async def test_dead_worker_still_holds_until_it_is_rescued(self, store: Store, harness: Harness) -> None:
        job = await running(store)
        await harness.advance(LEASE)
        assert job.worker is not None
        assert await store.held(job.worker) == [job]

        await rescue(store)

        assert await store.held(job.worker) == []


@pytest.mark.anyio
class TestExpired:
    """Running jobs without a live lease over them."""

    async def test_job_under_a_live_lease_is_not_expired(self, store: Store, harness: Harness) -> None:
        await running(store)
        await harness.advance(LEASE - SECOND)

        assert await store.expired(10) == []

    async def test_job_is_expired_when_the_lease_ends(self, store: Store, harness: Harness) -> None:
        job = await running(store)
        await harness.advance(LEASE)

        assert await store.expired(10) == [job]

    async def test_job_is_expired_at_once_when_the_worker_leaves(self, store: Store) -> None:
        job = await running(store)
        assert job.worker is not None

        await store.leave(job.worker)

        assert await store.expired(10) == [job]

    async def test_renewal_covers_every_job(self, store: Store, harness: Harness) -> None:
        await store.enqueue(new_jobs(3))
        worker_id = await hired(store)
        await store.claim(request(worker_id, limit=3))
        await harness.advance(LEASE - SECOND)
        await store.renew(worker_id)
        await harness.advance(LEASE - SECOND)

        assert await store.expired(10) == []

    async def test_only_what_the_dead_held(self, store: Store, harness: Harness) -> None:
        await running(store, worker_id=await hired(store, lease=timedelta(hours=1)))
        dead = await hired(store)
        ready = await running(store, worker_id=dead)
        await settle(store, end(ready))
        lost = await running(store, worker_id=dead)
        await add(store, new_job())
        await harness.advance(LEASE)

        assert await store.expired(10) == [lost]

    async def test_limit_bounds_the_answer(self, store: Store, harness: Harness) -> None:
        await store.enqueue(new_jobs(5))
        await store.claim(request(await hired(store), limit=5))
        await harness.advance(LEASE)

        assert len(await store.expired(3)) == 3

    async def test_job_is_expired_even_when_its_worker_is_forgotten(self, store: Store, harness: Harness) -> None:
        job = await running(store)
        await harness.advance(timedelta(days=3))
        await store.prune(10)

        assert await store.expired(10) == [job]


@pytest.mark.anyio
class TestRescue:
    """The road back: expired, decided as interrupted, settled. It is the same verb, so it is fenced."""

    async def test_rescued_job_is_claimed_by_another_worker(self, store: Store, harness: Harness) -> None:
        lost = await running(store)
        await harness.advance(LEASE)

        assert await rescue(store) == [Verdict.APPLIED]

        (job,) = await store.claim(request(await hired(store)))
        assert (job.id, job.attempt, job.deaths, job.token) == (lost.id, 2, 1, 2)

    async def test_rescued_job_keeps_the_evidence(self, store: Store, harness: Harness) -> None:
        lost = await running(store)
        await harness.advance(LEASE)

        await rescue(store)

        (attempt,) = await store.attempts(lost.id)
        assert (attempt.ending, attempt.worker, attempt.failure) == ("interrupted", lost.worker, DEATH)
        assert (attempt.started_at, attempt.ended_at) == (lost.started_at, await store.now())

    async def test_late_holder_is_stale_after_the_rescue(self, store: Store, harness: Harness) -> None:
        lost = await running(store)
        await harness.advance(LEASE)
        await rescue(store)
        before = await stored(store, lost.id)

        assert await verdict(store, end(lost)) is Verdict.STALE

        assert await stored(store, lost.id) == before

    async def test_late_holder_is_stale_while_the_next_attempt_runs(self, store: Store, harness: Harness) -> None:
        lost = await running(store)
        await harness.advance(LEASE)
        await rescue(store)
        (job,) = await store.claim(request(await hired(store)))

        assert await verdict(store, end(lost)) is Verdict.STALE

        assert await stored(store, job.id) == job

    async def test_late_holder_that_comes_before_the_rescuer_wins(self, store: Store, harness: Harness) -> None:
        lost = await running(store)
        await harness.advance(LEASE)
        (found,) = await store.expired(10)

        assert await verdict(store, end(lost)) is Verdict.APPLIED
        assert await verdict(store, end(found, DEAD)) is Verdict.STALE

        assert (await stored(store, lost.id)).state is JobState.SUCCEEDED

    async def test_rescuers_and_late_holder_race_to_one_end(
        self, store: Store, another: Another, harness: Harness
    ) -> None:
        await store.enqueue(new_jobs(60))
        lost = await store.claim(request(await hired(store), limit=60))
        await harness.advance(LEASE)
        rivals = [await another(), await another()]

        async with asyncio.timeout(60):
            rescues = asyncio.gather(*(rescue(rival) for rival in rivals))
            late = asyncio.gather(*(verdict(store, end(job)) for job in lost))
            verdicts = [*chain(*await rescues), *await late]

        assert verdicts.count(Verdict.APPLIED) == 60
        assert [len(await store.attempts(job.id)) for job in lost] == [1] * 60

    async def test_deaths_are_bounded(self, store: Store, harness: Harness) -> None:
        new = await add(store, new_job())

        for death in (1, 2, 3):
            (job,) = await store.claim(request(await hired(store)))
            assert job.deaths == death - 1
            await harness.advance(LEASE)
            assert await rescue(store) == [Verdict.APPLIED]

        after = await stored(store, new.id)
        assert (after.state, after.attempt, after.deaths, after.failure) == (JobState.FAILED, 3, 3, DEATH)
        assert await store.claim(request(await hired(store))) == []

    async def test_cancelled_job_of_a_dead_worker_is_cancelled(self, store: Store, harness: Harness) -> None:
        lost = await running(store)
        await store.cancel([lost.id], "stop")
        await harness.advance(LEASE)

        assert await rescue(store) == [Verdict.APPLIED]

        after = await stored(store, lost.id)
        assert (after.state, after.cancel_reason) == (JobState.CANCELLED, "stop")
