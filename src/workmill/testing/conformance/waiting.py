"""What waits for a time: promoted when it is due, pruned when its keep time is over."""

from datetime import timedelta

import pytest

from workmill.store import JobFilter, Promotion, Store
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DONE,
    ERROR,
    PATIENT,
    SECOND,
    add,
    ended,
    hired,
    new_job,
    request,
    running,
    stored,
)
from workmill.words.job import JobState
from workmill.words.outcome import Cancelled, Failed, Outcome
from workmill.words.policy import Policy


@pytest.mark.anyio
class TestPromote:
    """Jobs that are due become `queued`, in their old place."""

    async def test_due_job_is_queued(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(delay=5 * SECOND))
        await harness.advance(5 * SECOND)

        assert await store.promote(10) == Promotion(count=1, next_in=None)

        after = await stored(store, job.id)
        assert (after.state, after.run_at) == (JobState.QUEUED, job.run_at)
        assert after.version > job.version

    async def test_job_not_due_yet_stays(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(delay=5 * SECOND))
        await harness.advance(3 * SECOND)

        assert await store.promote(10) == Promotion(count=0, next_in=2 * SECOND)

        assert await stored(store, job.id) == job

    async def test_retrying_job_is_promoted_too(self, store: Store, harness: Harness) -> None:
        job = await ended(store, Failed(failure=ERROR), new_job(policy=PATIENT))
        await harness.advance(10 * SECOND)

        assert (await store.promote(10)).count == 1

        assert (await stored(store, job.id)).state is JobState.QUEUED

    async def test_nothing_waits_for_a_time(self, store: Store) -> None:
        await add(store, new_job())

        assert await store.promote(10) == Promotion(count=0, next_in=None)

    async def test_limit_takes_those_longest_due(self, store: Store, harness: Harness) -> None:
        delays = [3, 1, 4, 2]
        ids = {delay: (await add(store, new_job(delay=delay * SECOND))).id for delay in delays}
        await harness.advance(4 * SECOND)

        assert await store.promote(2) == Promotion(count=2, next_in=timedelta(0))

        states = [(await stored(store, ids[delay])).state for delay in (1, 2, 3, 4)]
        assert states == ["queued", "queued", "scheduled", "scheduled"]

    async def test_next_in_counts_to_the_first_still_waiting(self, store: Store, harness: Harness) -> None:
        for delay in (60, 2, 30):
            await add(store, new_job(delay=delay * SECOND))
        await harness.advance(3 * SECOND)

        assert await store.promote(10) == Promotion(count=1, next_in=27 * SECOND)

    async def test_promoted_job_keeps_its_place(self, store: Store, harness: Harness) -> None:
        first = await add(store, new_job(delay=SECOND))
        second = await add(store, new_job())
        third = await add(store, new_job(delay=SECOND))
        await harness.advance(SECOND)
        await add(store, new_job(task="other"))

        await store.promote(10)

        claimed = await store.claim(request(await hired(store), limit=3))
        assert [job.id for job in claimed] == [first.id, second.id, third.id]

    async def test_promoted_job_is_in_its_priority(self, store: Store, harness: Harness) -> None:
        low = await add(store, new_job())
        high = await add(store, new_job(delay=SECOND, priority=1))
        await harness.advance(SECOND)

        await store.promote(10)

        claimed = await store.claim(request(await hired(store), limit=2))
        assert [job.id for job in claimed] == [high.id, low.id]


@pytest.mark.anyio
class TestPrune:
    """Final jobs go when their keep time is over, with all that was kept about them."""

    @pytest.mark.parametrize("outcome", [DONE, Failed(failure=ERROR), Cancelled()], ids=["done", "failed", "cancelled"])
    async def test_final_job_goes_when_its_keep_time_is_over(
        self, store: Store, harness: Harness, outcome: Outcome
    ) -> None:
        job = await ended(store, outcome, new_job(policy=Policy(keep=timedelta(hours=1))))
        await harness.advance(timedelta(hours=1))

        assert await store.prune(10) == 1

        assert await store.get([job.id]) == [None]
        assert await store.attempts(job.id) == []
        assert await store.counts() == []
        assert (await store.find(JobFilter(), limit=10, cursor=None)).jobs == ()

    async def test_final_job_stays_until_then(self, store: Store, harness: Harness) -> None:
        job = await ended(store, new=new_job(policy=Policy(keep=timedelta(hours=1))))
        await harness.advance(timedelta(minutes=59))

        assert await store.prune(10) == 0

        assert await stored(store, job.id) == job

    async def test_each_job_is_kept_by_its_own_policy(self, store: Store, harness: Harness) -> None:
        brief = await ended(store, new=new_job(policy=Policy(keep=timedelta(0))))
        long = await ended(store, new=new_job(policy=Policy(keep=timedelta(days=365))))
        await harness.advance(timedelta(days=364))

        assert await store.prune(10) == 1

        assert await store.get([brief.id, long.id]) == [None, long]

    async def test_job_that_is_not_final_stays_however_old(self, store: Store, harness: Harness) -> None:
        held = await running(store, new_job(policy=Policy(keep=timedelta(0))))
        queued = await add(store, new_job(policy=Policy(keep=timedelta(0))))
        await harness.advance(timedelta(days=400))

        assert await store.prune(10) == 0

        assert await store.get([held.id, queued.id]) == [held, queued]

    async def test_cancelled_before_it_ran_is_pruned_too(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=Policy(keep=SECOND)))
        await store.cancel([job.id], None)
        await harness.advance(SECOND)

        assert await store.prune(10) == 1

    async def test_limit_bounds_one_call(self, store: Store, harness: Harness) -> None:
        for _ in range(5):
            await ended(store, new=new_job(policy=Policy(keep=SECOND)))
        await harness.advance(SECOND)

        assert [await store.prune(2) for _ in range(4)] == [2, 2, 1, 0]
