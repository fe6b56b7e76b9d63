"""Jobs that may begin only for so long."""

from datetime import timedelta

import pytest

from workmill.store import JobFilter, Promotion, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.limits import gated, of_key
from workmill.testing.conformance.making import (
    ERROR,
    SECOND,
    add,
    end,
    ended,
    hired,
    new_job,
    request,
    running,
    settle,
    stored,
)
from workmill.testing.conformance.notices import CHANGED, SCHEDULED, changed, earlier, hear, listening, scheduled
from workmill.words.job import Job, JobState
from workmill.words.outcome import Failed, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.retry import Backoff
from workmill.words.ties import After, Needs
from workmill.words.unique import Uniqueness
from workmill.words.unstarted import EXPIRED, parent_cancelled

TICK = timedelta(microseconds=1)
MINUTE = 60 * SECOND
BRIEF = Policy(expires=MINUTE)


async def assert_expired(store: Store, job: Job) -> None:
    """Assert that a job ended just now because it did not begin in time."""
    after = await stored(store, job.id)
    now = await store.now()
    assert (after.state, after.cancel_reason, after.failure) == (JobState.CANCELLED, EXPIRED, None)
    assert (after.cancel_requested_at, after.started_at, after.worker, after.attempt) == (None, None, None, 0)
    assert (after.finished_at, after.expires_at) == (now, now + job.policy.keep)
    assert after.version > job.version
    assert await store.attempts(job.id) == []


async def claimed(store: Store, limit: int = 10) -> list[str]:
    """Claim with a new worker and return the ids."""
    return [job.id for job in await store.claim(request(await hired(store), limit=limit))]


@pytest.mark.anyio
class TestExpires:
    """A job may begin for the first time until a length after its storing, or after its time."""

    async def test_length_is_kept(self, store: Store, another: Another) -> None:
        job = await add(store, new_job(policy=BRIEF))

        assert job.policy == BRIEF
        assert (await stored(await another(), job.id)).policy.expires == MINUTE

    async def test_job_may_begin_until_then(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=BRIEF))
        await harness.advance(MINUTE - TICK)
        await store.promote(10)

        assert await claimed(store) == [job.id]

    async def test_claim_does_not_give_it_from_then_on(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=BRIEF))
        await harness.advance(MINUTE)

        assert await claimed(store) == []
        await assert_expired(store, job)

    async def test_claim_gives_what_comes_behind_it(self, store: Store, harness: Harness) -> None:
        late = [await add(store, new_job(policy=BRIEF, priority=1)) for _ in range(3)]
        await harness.advance(MINUTE)
        batch = [await add(store, new_job()) for _ in range(3)]

        assert await claimed(store, 2) == [job.id for job in batch[:2]]
        for job in late:
            await assert_expired(store, job)

    async def test_claim_with_a_settle_does_not_give_it_either(self, store: Store, harness: Harness) -> None:
        worker_id = await hired(store, lease=2 * MINUTE)
        held = await running(store, worker_id=worker_id)
        job = await add(store, new_job(policy=BRIEF))
        await harness.advance(MINUTE)

        settled = await store.settle([end(held)], request(worker_id))

        assert settled.claimed == ()
        await assert_expired(store, job)

    async def test_promotion_ends_it(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=BRIEF))
        await harness.advance(MINUTE)

        assert await store.promote(10) == Promotion(count=0, next_in=None)

        await assert_expired(store, job)
        assert [(count.state, count.jobs) for count in await store.counts()] == [(JobState.CANCELLED, 1)]

    async def test_promotion_waits_for_it(self, store: Store, harness: Harness) -> None:
        await add(store, new_job(policy=BRIEF))
        await add(store, new_job(delay=50 * SECOND, policy=Policy(expires=timedelta(days=1))))
        await harness.advance(20 * SECOND)
        first = await store.promote(10)
        await harness.advance(30 * SECOND)

        second = await store.promote(10)

        assert first == Promotion(count=0, next_in=30 * SECOND)
        assert second == Promotion(count=1, next_in=10 * SECOND)

    async def test_promotion_ends_no_more_than_the_limit(self, store: Store, harness: Harness) -> None:
        for _ in range(5):
            await add(store, new_job(policy=BRIEF))
        await harness.advance(MINUTE)

        left = []
        for _ in range(3):
            await store.promote(2)
            found = await store.find(JobFilter(states=(JobState.QUEUED,)), limit=10, cursor=None)
            left.append(len(found.jobs))

        assert left == [3, 1, 0]

    async def test_promotion_is_due_at_once_while_more_are_late(self, store: Store, harness: Harness) -> None:
        for _ in range(3):
            await add(store, new_job(policy=BRIEF))
        await harness.advance(MINUTE)

        assert (await store.promote(2)).next_in == timedelta(0)

    async def test_delay_comes_before_the_length(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=BRIEF, delay=MINUTE))
        await harness.advance(MINUTE)
        promotion = await store.promote(10)
        await harness.advance(MINUTE - TICK)
        await store.promote(10)
        before = await stored(store, job.id)
        await harness.advance(TICK)
        await store.promote(10)

        assert promotion == Promotion(count=1, next_in=MINUTE)
        assert before.state is JobState.QUEUED
        await assert_expired(store, before)

    async def test_run_at_that_is_past_counts(self, store: Store, harness: Harness) -> None:
        now = await store.now()
        early = await add(store, new_job(policy=BRIEF, run_at=now - MINUTE))
        late = await add(store, new_job(policy=BRIEF, run_at=now - 59 * SECOND))
        await store.promote(10)
        kept = await stored(store, late.id)

        await harness.advance(SECOND)

        assert (await stored(store, early.id)).state is JobState.CANCELLED
        assert kept.state is JobState.QUEUED
        assert await claimed(store) == []
        await assert_expired(store, late)

    async def test_job_that_is_due_and_too_late_at_once_ends(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=BRIEF, delay=SECOND))
        await harness.advance(2 * MINUTE)

        assert await store.promote(10) == Promotion(count=0, next_in=None)

        await assert_expired(store, job)

    @pytest.mark.parametrize(
        "outcome",
        [Returned(), Snoozed(after=SECOND), Failed(failure=ERROR)],
        ids=["returned", "snoozed", "failed"],
    )
    async def test_job_that_has_begun_goes_on(self, store: Store, harness: Harness, outcome: Outcome) -> None:
        policy = Policy(expires=MINUTE, max_attempts=3, backoff=Backoff(first=SECOND, jitter=0))
        job = await ended(store, outcome, new_job(policy=policy))
        await harness.advance(2 * MINUTE)

        await store.promote(10)

        assert await claimed(store) == [job.id]

    async def test_running_job_goes_on(self, store: Store, harness: Harness) -> None:
        job = await running(store, new_job(policy=BRIEF))
        await harness.advance(2 * MINUTE)

        assert await store.promote(10) == Promotion(count=0, next_in=None)

        assert (await stored(store, job.id)).state is JobState.RUNNING

    async def test_job_without_a_length_waits_for_ever(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job())
        await harness.advance(timedelta(days=3650))
        await store.promote(10)

        assert await claimed(store) == [job.id]

    async def test_length_beyond_the_calendar_is_no_end(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=Policy(expires=timedelta.max)))
        await harness.advance(timedelta(days=3650))
        await store.promote(10)

        assert await claimed(store) == [job.id]

    async def test_waiting_job_expires_from_its_storing(self, store: Store, harness: Harness) -> None:
        parent = await running(store)
        job = await add(store, new_job(policy=BRIEF, after=After(jobs=(parent.id,)), delay=MINUTE))
        before = await store.promote(10)
        await harness.advance(MINUTE)

        await store.promote(10)

        assert before == Promotion(count=0, next_in=MINUTE)
        await assert_expired(store, job)
        await settle(store, end(parent))
        assert (await stored(store, job.id)).state is JobState.CANCELLED

    async def test_delay_of_a_released_job_comes_before_the_length(self, store: Store, harness: Harness) -> None:
        parent = await running(store)
        job = await add(store, new_job(policy=BRIEF, after=After(jobs=(parent.id,)), delay=MINUTE))
        await harness.advance(30 * SECOND)
        await settle(store, end(parent))
        await harness.advance(MINUTE)
        await store.promote(10)
        await harness.advance(MINUTE - TICK)
        await store.promote(10)
        before = await stored(store, job.id)
        await harness.advance(TICK)

        await store.promote(10)

        assert before.state is JobState.QUEUED
        await assert_expired(store, before)

    async def test_what_follows_it_ends_as_after_a_cancel(self, store: Store, harness: Harness) -> None:
        first, second = await add(store, new_job(policy=BRIEF)), await add(store, new_job(policy=BRIEF, queue="other"))
        needing = await add(store, new_job(after=After(jobs=(first.id,))))
        awaiting = await add(store, new_job(after=After(jobs=(second.id,), needs=Needs.END)))
        await harness.advance(MINUTE)

        given = await store.claim(request(await hired(store), queues=("default",)))
        await store.promote(10)

        assert given == []
        after = await stored(store, needing.id)
        assert (after.state, after.cancel_reason) == (JobState.CANCELLED, parent_cancelled(first.id))
        assert (await stored(store, awaiting.id)).state is JobState.QUEUED

    async def test_it_makes_room_for_its_like(self, store: Store, harness: Harness) -> None:
        await add(store, new_job(policy=BRIEF, unique=Uniqueness(name="one")))
        await harness.advance(MINUTE)
        await store.promote(10)

        assert (await store.enqueue([new_job(unique=Uniqueness(name="one"))]))[0].created

    async def test_paused_and_limited_jobs_expire(self, store: Store, harness: Harness) -> None:
        await store.set_rules([of_key(0)])
        await store.pause(["held"])
        held = [await add(store, new_job(policy=BRIEF, queue="held"))]
        new = gated("a")
        held.append(await add(store, new_job(policy=BRIEF, ties=new.ties)))
        await harness.advance(MINUTE)

        await store.promote(10)

        for job in held:
            await assert_expired(store, job)

    async def test_it_is_pruned_when_its_keep_time_is_over(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=Policy(expires=MINUTE, keep=MINUTE)))
        await harness.advance(MINUTE)
        await store.promote(10)
        await harness.advance(MINUTE)

        assert await store.prune(10) == 1

        assert await store.get([job.id]) == [None]

    async def test_cancelled_job_does_not_expire_again(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(policy=BRIEF))
        await store.cancel([job.id], "typo")
        before = await stored(store, job.id)
        await harness.advance(MINUTE)

        assert await store.promote(10) == Promotion(count=0, next_in=None)

        assert await stored(store, job.id) == before

    async def test_who_promotes_is_told_of_it(self, store: Store) -> None:
        async with listening(store, SCHEDULED) as ear:
            await add(store, new_job(policy=BRIEF))

            await hear(ear, scheduled)

    @pytest.mark.parametrize("how", ["claim", "promote"])
    async def test_end_is_told(self, store: Store, another: Another, harness: Harness, how: str) -> None:
        job = await earlier(another, lambda early: add(early, new_job(policy=BRIEF)))
        await harness.advance(MINUTE)
        worker_id = await hired(store)
        async with listening(store, CHANGED) as ear:
            if how == "claim":
                await store.claim(request(worker_id))
            else:
                await store.promote(10)

            await hear(ear, changed(job))
