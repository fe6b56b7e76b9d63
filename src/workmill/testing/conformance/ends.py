"""What follows from a job's end, however it ends: followers go on or end, and theirs."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from workmill.store import Store, Verdict
from workmill.testing.conformance.after import CASES, OUTCOMES, evidence, expected_evidence, follower
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DEATH,
    DONE,
    ERROR,
    LEASE,
    PATIENT,
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
)
from workmill.testing.conformance.notices import CHANGED, QUEUED, SCHEDULED, changed, earlier, hear, listening
from workmill.testing.conformance.notices import queued_on as on_queue
from workmill.testing.conformance.notices import scheduled as for_a_time
from workmill.testing.conformance.unreadable import spoil
from workmill.words.job import Job, JobState
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.ties import After, Needs
from workmill.words.unstarted import not_needed, parent_cancelled, parent_failed

FAILED = Failed(failure=ERROR)
BRIEF = Policy(keep=timedelta(hours=3))


async def states(store: Store, *jobs: Job) -> list[JobState]:
    """Return the states in which jobs are now."""
    return [(await stored(store, job.id)).state for job in jobs]


@pytest.mark.anyio
class TestFollowers:
    """A parent's end lets its follower go on, or ends it."""

    @pytest.mark.parametrize(("needs", "outcome", "state"), CASES)
    async def test_end_of_the_only_parent(
        self, store: Store, harness: Harness, needs: Needs, outcome: Outcome, state: JobState
    ) -> None:
        parent = await running(store)
        waiting = await add(store, follower(parent, needs=needs, policy=BRIEF))
        await harness.advance(SECOND)

        await settle(store, end(parent, outcome))

        job = await stored(store, waiting.id)
        assert (job.state, job.version > waiting.version) == (state, True)
        if state.is_final:
            assert evidence(job) == expected_evidence(job, await stored(store, parent.id), needs)
            assert await store.attempts(job.id) == []
        claimed = await store.claim(request(await hired(store)))
        assert [job.id for job in claimed] == [waiting.id][: state is JobState.QUEUED]

    @pytest.mark.parametrize("outcome", [FAILED, Snoozed(after=SECOND), Returned(), Interrupted(failure=DEATH)])
    async def test_parent_that_will_run_again_has_not_ended(self, store: Store, outcome: Outcome) -> None:
        parent = await running(store, new_job(policy=PATIENT))
        jobs = [await add(store, follower(parent, needs=needs)) for needs in Needs]

        await settle(store, end(parent, outcome))

        assert await states(store, *jobs) == [JobState.WAITING] * 3

    async def test_all_parents_must_have_ended(self, store: Store) -> None:
        await store.enqueue(new_jobs(3))
        parents = await store.claim(request(await hired(store), limit=3))
        jobs = [await add(store, follower(*parents, needs=needs)) for needs in (Needs.SUCCESS, Needs.END)]
        for parent in parents[:2]:
            await settle(store, end(parent))
            assert await states(store, *jobs) == [JobState.WAITING] * 2

        await settle(store, end(parents[2]))

        assert await states(store, *jobs) == [JobState.QUEUED] * 2

    @pytest.mark.parametrize("outcome", OUTCOMES[1:], ids=["failed", "cancelled"])
    async def test_success_that_cannot_come_is_not_waited_for(self, store: Store, outcome: Outcome) -> None:
        first, second = await running(store), await running(store)
        waiting = await add(store, follower(first, second))

        await settle(store, end(second, outcome))

        job = await stored(store, waiting.id)
        assert evidence(job) == expected_evidence(job, await stored(store, second.id))
        await settle(store, end(first, outcome))
        assert await stored(store, waiting.id) == job

    @pytest.mark.parametrize(("last", "state"), [(DONE, JobState.QUEUED), (FAILED, JobState.QUEUED)])
    async def test_failure_is_known_when_all_have_ended(self, store: Store, last: Outcome, state: JobState) -> None:
        first, second = await running(store), await running(store)
        waiting = await add(store, follower(first, second, needs=Needs.FAILURE))
        await settle(store, end(first, FAILED))
        assert await states(store, waiting) == [JobState.WAITING]

        await settle(store, end(second, last))

        assert await states(store, waiting) == [state]

    async def test_failure_that_did_not_come_is_known_when_all_have_ended(self, store: Store) -> None:
        first, second = await running(store), await running(store)
        waiting = await add(store, follower(first, second, needs=Needs.FAILURE))
        await settle(store, end(first, Cancelled()))
        assert await states(store, waiting) == [JobState.WAITING]

        await settle(store, end(second))

        job = await stored(store, waiting.id)
        assert (job.state, job.cancel_reason) == (JobState.CANCELLED, not_needed())

    async def test_every_follower_of_one_parent_is_heeded(self, store: Store) -> None:
        parent = await running(store)
        jobs = [await add(store, follower(parent, needs=needs)) for needs in (*Needs, *Needs)]
        stranger = await add(store, follower(await running(store)))

        await settle(store, end(parent, FAILED))

        assert await states(store, *jobs) == [JobState.FAILED, JobState.QUEUED, JobState.QUEUED] * 2
        assert await states(store, stranger) == [JobState.WAITING]

    async def test_parents_that_end_in_one_settle_count_once_each(self, store: Store) -> None:
        first, second = await running(store), await running(store)
        waiting = await add(store, follower(first, second))

        await settle(store, end(first), end(second))

        claimed = await store.claim(request(await hired(store), limit=10))
        assert [job.id for job in claimed] == [waiting.id]

    async def test_stale_end_frees_nobody(self, store: Store, harness: Harness) -> None:
        parent = await running(store)
        waiting = await add(store, follower(parent))
        await harness.advance(LEASE)
        await settle(store, end(parent, Interrupted(failure=DEATH)))

        assert (await store.settle([end(parent)])).verdicts == (Verdict.STALE,)

        assert await stored(store, waiting.id) == waiting

    async def test_freed_job_is_claimed_by_the_settle_that_freed_it(self, store: Store) -> None:
        worker_id = await hired(store)
        parent = await running(store, worker_id=worker_id)
        waiting = await add(store, follower(parent))

        settled = await store.settle([end(parent)], request(worker_id))

        assert [job.id for job in settled.claimed] == [waiting.id]

    async def test_freed_job_has_the_place_of_its_storing(self, store: Store) -> None:
        parent = await running(store)
        waiting = await add(store, follower(parent))
        later = await add(store, new_job())
        await settle(store, end(parent))

        claimed = await store.claim(request(await hired(store), limit=2))

        assert [job.id for job in claimed] == [waiting.id, later.id]

    async def test_delay_counts_from_the_last_end(self, store: Store, harness: Harness) -> None:
        parent = await running(store)
        waiting = await add(store, follower(parent, delay=5 * SECOND))
        await harness.advance(3 * SECOND)

        await settle(store, end(parent))

        job = await stored(store, waiting.id)
        assert (job.state, job.run_at) == (JobState.SCHEDULED, await store.now() + 5 * SECOND)
        await harness.advance(5 * SECOND)
        assert (await store.promote(10)).count == 1
        assert await states(store, job) == [JobState.QUEUED]

    @pytest.mark.parametrize(("seconds", "state"), [(10, JobState.SCHEDULED), (2, JobState.QUEUED)])
    async def test_time_to_come_is_waited_for_after_the_last_end(
        self, store: Store, harness: Harness, seconds: int, state: JobState
    ) -> None:
        parent, run_at = await running(store), await store.now() + seconds * SECOND
        waiting = await add(store, new_job(run_at=run_at, after=After(jobs=(parent.id,))))
        await harness.advance(3 * SECOND)

        await settle(store, end(parent))

        job = await stored(store, waiting.id)
        assert (job.state, job.run_at) == (state, run_at)


@pytest.mark.anyio
class TestEnds:
    """However a job ends, its followers are seen to, and those that this ends have followers, too."""

    async def test_cancel_of_a_parent(self, store: Store) -> None:
        parent = await add(store, new_job())
        jobs = [await add(store, follower(parent, needs=needs)) for needs in Needs]

        await store.cancel([parent.id], "enough")

        assert await states(store, *jobs) == [JobState.CANCELLED, JobState.QUEUED, JobState.CANCELLED]
        assert (await stored(store, jobs[0].id)).cancel_reason == parent_cancelled(parent.id)

    async def test_request_to_cancel_a_running_parent_is_no_end(self, store: Store) -> None:
        parent = await running(store)
        waiting = await add(store, follower(parent, needs=Needs.END))

        await store.cancel([parent.id], None)
        assert await stored(store, waiting.id) == waiting

        await settle(store, end(parent, Cancelled()))
        assert await states(store, waiting) == [JobState.QUEUED]

    async def test_cancel_of_a_waiting_job(self, store: Store) -> None:
        parent = await running(store)
        waiting, other = await add(store, follower(parent)), await add(store, follower(parent))
        last = await add(store, follower(waiting, other))

        (cancelled,) = await store.cancel([waiting.id], "typo")

        assert cancelled is not None
        assert (cancelled.state, cancelled.cancel_reason) == (JobState.CANCELLED, "typo")
        assert await states(store, last) == [JobState.CANCELLED]
        await settle(store, end(parent))
        assert await stored(store, waiting.id) == cancelled
        assert await states(store, other) == [JobState.QUEUED]

    async def test_cancel_of_a_parent_together_with_its_follower(self, store: Store) -> None:
        parent = await add(store, new_job())
        waiting = await add(store, follower(parent))

        for job in await store.cancel([parent.id, waiting.id], "all of it"):
            assert job is not None
            assert (job.state, job.cancel_reason) == (JobState.CANCELLED, "all of it")
            assert job.cancel_requested_at == await store.now()

    async def test_cancel_answers_what_became_of_jobs_by_it(self, store: Store) -> None:
        parent = await add(store, new_job())
        waiting = await add(store, follower(parent))

        answers = await store.cancel([parent.id], None)

        assert answers == await store.get([parent.id])
        assert await store.cancel([waiting.id], "late") == await store.get([waiting.id])
        assert (await stored(store, waiting.id)).cancel_reason == parent_cancelled(parent.id)

    async def test_parent_that_died_too_often(self, store: Store, harness: Harness) -> None:
        parent = await running(store, new_job(policy=Policy(max_deaths=1)))
        jobs = [await add(store, follower(parent, needs=needs)) for needs in Needs]
        await harness.advance(LEASE)

        (lost,) = await store.expired(10)
        await settle(store, end(lost, Interrupted(failure=DEATH)))

        assert await states(store, *jobs) == [JobState.FAILED, JobState.QUEUED, JobState.QUEUED]

    @pytest.mark.parametrize("verb", [Store.claim, Store.expired, Store.held], ids=lambda verb: verb.__name__)
    async def test_unreadable_parent(self, store: Store, harness: Harness, verb: Callable[..., object]) -> None:
        parent = await add(store, new_job()) if verb is Store.claim else await running(store)
        jobs = [await add(store, follower(parent, needs=needs, queue="next")) for needs in Needs]
        await spoil(harness, parent.id)
        await harness.advance(LEASE)
        verbs: dict[object, Callable[[], Awaitable[object]]] = {
            Store.claim: lambda: _claim_nothing(store),
            Store.expired: lambda: store.expired(10),
            Store.held: lambda: store.held(parent.worker or ""),
        }

        await verbs[verb]()

        assert await states(store, *jobs) == [JobState.FAILED, JobState.QUEUED, JobState.QUEUED]

    async def test_end_goes_down_a_chain(self, store: Store) -> None:
        parent = await running(store)
        second = await add(store, follower(parent))
        third = await add(store, follower(second))
        cleaner = await add(store, follower(third, needs=Needs.FAILURE))
        after_all = await add(store, follower(cleaner))

        await settle(store, end(parent, FAILED))

        jobs = second, third, cleaner, after_all
        expected = [JobState.FAILED, JobState.FAILED, JobState.QUEUED, JobState.WAITING]
        assert await states(store, *jobs) == expected
        assert (await stored(store, third.id)).failure == parent_failed(second.id)

    async def test_cancelled_chain_says_which_link(self, store: Store) -> None:
        parent = await add(store, new_job())
        second = await add(store, follower(parent))
        third = await add(store, follower(second))

        await store.cancel([parent.id], None)

        assert (await stored(store, third.id)).cancel_reason == parent_cancelled(second.id)

    async def test_unneeded_job_cancels_what_follows_it(self, store: Store) -> None:
        parent = await running(store)
        handler = await add(store, follower(parent, needs=Needs.FAILURE))
        then, anyway = await add(store, follower(handler)), await add(store, follower(handler, needs=Needs.END))

        await settle(store, end(parent))

        assert await states(store, handler, then, anyway) == [JobState.CANCELLED] * 2 + [JobState.QUEUED]

    async def test_both_ways_of_a_diamond_are_waited_for(self, store: Store) -> None:
        top = await running(store)
        left, right = await add(store, follower(top)), await add(store, follower(top))
        bottom = await add(store, follower(left, right))
        await settle(store, end(top))

        for place, job in enumerate(await store.claim(request(await hired(store), limit=2))):
            assert await states(store, bottom) == [JobState.WAITING], place
            await settle(store, end(job))

        assert await states(store, bottom) == [JobState.QUEUED]

    async def test_end_that_reaches_a_job_by_two_ways_ends_it_once(self, store: Store) -> None:
        top = await running(store)
        left, right = await add(store, follower(top)), await add(store, follower(top))
        bottom = await add(store, follower(top, left, right))

        await settle(store, end(top, FAILED))

        job = await stored(store, bottom.id)
        assert job.state is JobState.FAILED
        assert job.failure in [parent_failed(parent.id) for parent in (top, left, right)]


@pytest.mark.anyio
class TestFollowerNotice:
    """What became of followers is told as any change is."""

    async def test_freed_job_is_told_on_its_queue(self, store: Store, another: Another) -> None:
        parent = await earlier(another, running)
        await earlier(another, lambda early: add(early, follower(parent, queue="next")))
        async with listening(store, QUEUED) as ear:
            await settle(store, end(parent))

            await hear(ear, on_queue("next"))

    async def test_job_freed_by_a_cancel_is_told_on_its_queue(self, store: Store, another: Another) -> None:
        parent = await earlier(another, lambda early: add(early, new_job()))
        await earlier(another, lambda early: add(early, follower(parent, needs=Needs.END, queue="next")))
        async with listening(store, QUEUED) as ear:
            await store.cancel([parent.id], None)

            await hear(ear, on_queue("next"))

    async def test_freed_job_that_waits_for_a_time_is_told(self, store: Store, another: Another) -> None:
        parent = await earlier(another, running)
        await earlier(another, lambda early: add(early, follower(parent, delay=SECOND)))
        async with listening(store, SCHEDULED) as ear:
            await settle(store, end(parent))

            await hear(ear, for_a_time)

    @pytest.mark.parametrize("outcome", OUTCOMES, ids=["done", "failed", "cancelled"])
    async def test_changed_follower_is_told(self, store: Store, another: Another, outcome: Outcome) -> None:
        parent = await earlier(another, running)
        waiting = await earlier(another, lambda early: add(early, follower(parent)))
        async with listening(store, CHANGED) as ear:
            await settle(store, end(parent, outcome))

            await hear(ear, changed(waiting))


async def _claim_nothing(store: Store) -> None:
    worker_id = await hired(store)
    assert await store.claim(request(worker_id, queues=("default",), limit=1)) == []
