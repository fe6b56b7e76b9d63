"""The fence around callers' transactions: one end of an attempt, by who holds the job."""

from dataclasses import replace

import pytest

from workmill.store import Store, Verdict
from workmill.testing.conformance.fence import AGAIN
from workmill.testing.conformance.fixtures import AnotherCaller
from workmill.testing.conformance.harness import Caller, Harness
from workmill.testing.conformance.making import (
    DEATH,
    ERROR,
    LEASE,
    PATIENT,
    SECOND,
    end,
    hired,
    new_job,
    request,
    running,
    settle,
    stored,
    verdict,
)
from workmill.testing.conformance.within import beside, finish
from workmill.words.job import JobState
from workmill.words.outcome import Failed, Interrupted, Outcome, Returned


@pytest.mark.anyio
class TestFenceWithin:
    """Who lost a job, or the lease that it is held under, ends nothing; and nobody ends an attempt beside another."""

    async def test_older_token_is_stale_and_the_transaction_usable(self, store: Store, caller: Caller) -> None:
        lost = await running(store)
        await settle(store, end(lost, Returned()))
        (job,) = await store.claim(request(await hired(store)))
        await caller.write("before")

        assert await finish(store, caller, end(lost)) is Verdict.STALE
        await caller.write("after")
        await caller.commit()

        assert await stored(store, job.id) == job
        assert await caller.read() == ["before", "after"]

    @pytest.mark.parametrize("token", [0, 2, -1])
    async def test_any_other_token_is_stale(self, store: Store, caller: Caller, token: int) -> None:
        job = await running(store)

        assert await finish(store, caller, replace(end(job), token=token)) is Verdict.STALE
        await caller.commit()

        assert await stored(store, job.id) == job

    async def test_unknown_job_is_stale(self, store: Store, caller: Caller) -> None:
        job = await running(store)

        assert await finish(store, caller, replace(end(job), job_id="no such job")) is Verdict.STALE

    async def test_lease_that_has_ended_is_stale(self, store: Store, caller: Caller, harness: Harness) -> None:
        job = await running(store)
        await harness.advance(LEASE)

        assert await finish(store, caller, end(job)) is Verdict.STALE
        await caller.commit()

        assert await stored(store, job.id) == job
        assert await store.expired(10) == [job]

    async def test_worker_that_has_left_is_stale(self, store: Store, caller: Caller) -> None:
        worker_id = await hired(store)
        job = await running(store, worker_id=worker_id)
        await store.leave(worker_id)

        assert await finish(store, caller, end(job)) is Verdict.STALE

    async def test_prolonged_lease_counts(self, store: Store, caller: Caller, harness: Harness) -> None:
        worker_id = await hired(store)
        job = await running(store, worker_id=worker_id)
        await harness.advance(LEASE - SECOND)
        await store.renew(worker_id)
        await harness.advance(2 * SECOND)

        assert await finish(store, caller, end(job)) is Verdict.APPLIED
        await caller.commit()

        assert (await stored(store, job.id)).state is JobState.SUCCEEDED

    async def test_rescued_job_is_stale(self, store: Store, caller: Caller, harness: Harness) -> None:
        lost = await running(store)
        await harness.advance(LEASE)
        await settle(store, end(lost, Interrupted(failure=DEATH)))
        (job,) = await store.claim(request(await hired(store)))

        assert await finish(store, caller, end(lost)) is Verdict.STALE
        await caller.commit()

        assert await stored(store, job.id) == job

    async def test_rescue_meanwhile_waits_and_is_stale(self, store: Store, caller: Caller, harness: Harness) -> None:
        job = await running(store)
        assert await finish(store, caller, end(job)) is Verdict.APPLIED
        await harness.advance(LEASE)

        rescued = await beside(verdict(store, end(job, Interrupted(failure=DEATH))), caller.commit)

        assert rescued is Verdict.STALE
        assert (await stored(store, job.id)).state is JobState.SUCCEEDED

    async def test_rescue_meanwhile_waits_and_goes_on_where_nothing_came_of_it(
        self, store: Store, caller: Caller, harness: Harness
    ) -> None:
        job = await running(store)
        assert await finish(store, caller, end(job)) is Verdict.APPLIED
        await harness.advance(LEASE)

        rescued = await beside(verdict(store, end(job, Interrupted(failure=DEATH))), caller.roll_back)

        assert rescued is Verdict.APPLIED
        assert (await stored(store, job.id)).state is JobState.QUEUED

    async def test_second_caller_with_the_same_token_waits_and_is_stale(
        self, store: Store, another_caller: AnotherCaller
    ) -> None:
        job = await running(store)
        first, second = await another_caller(), await another_caller()
        assert await finish(store, first, end(job)) is Verdict.APPLIED

        said = await beside(finish(store, second, end(job, Failed(failure=ERROR))), first.commit)
        await second.commit()

        assert said is Verdict.STALE
        assert (await stored(store, job.id)).state is JobState.SUCCEEDED

    async def test_lease_that_ends_while_a_second_caller_waits_is_stale(
        self, store: Store, another_caller: AnotherCaller, harness: Harness
    ) -> None:
        job = await running(store)
        first, second = await another_caller(), await another_caller()
        assert await finish(store, first, end(job)) is Verdict.APPLIED

        async def go_on() -> None:
            await harness.advance(LEASE)
            await first.roll_back()

        said = await beside(finish(store, second, end(job)), go_on)
        await second.commit()

        assert said is Verdict.STALE
        assert await stored(store, job.id) == job

    async def test_success_is_kept_though_a_cancel_was_requested(self, store: Store, caller: Caller) -> None:
        job = await running(store)
        await store.cancel([job.id], "not now")

        assert await finish(store, caller, end(job)) is Verdict.APPLIED
        await caller.commit()

        after = await stored(store, job.id)
        assert (after.state, after.result, after.cancel_reason) == (JobState.SUCCEEDED, b'"done"', "not now")

    @pytest.mark.parametrize(("outcome", "state"), AGAIN)
    async def test_job_whose_cancel_was_requested_does_not_run_again(
        self, store: Store, caller: Caller, outcome: Outcome, state: JobState
    ) -> None:
        job = await running(store, new_job(policy=PATIENT))
        transition = end(job, outcome)
        assert transition.state is state
        await store.cancel([job.id], "not now")
        before = await stored(store, job.id)

        assert await finish(store, caller, transition) is Verdict.CANCEL_REQUESTED
        await caller.commit()

        assert await stored(store, job.id) == before
        assert await store.attempts(job.id) == []

    async def test_cancel_meanwhile_comes_too_late(self, store: Store, caller: Caller) -> None:
        job = await running(store)
        assert await finish(store, caller, end(job)) is Verdict.APPLIED

        await beside(store.cancel([job.id], "not now"), caller.commit)

        after = await stored(store, job.id)
        assert (after.state, after.result) == (JobState.SUCCEEDED, b'"done"')
