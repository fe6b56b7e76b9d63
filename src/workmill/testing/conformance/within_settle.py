"""Attempts that end in a caller's transaction, together with what else is done in it."""

import asyncio
from dataclasses import replace

import pytest

from workmill.store import Store, Verdict
from workmill.testing.conformance.fence import AGAIN
from workmill.testing.conformance.fixtures import AnotherCaller
from workmill.testing.conformance.harness import Caller
from workmill.testing.conformance.making import (
    ERROR,
    PATIENT,
    end,
    new_job,
    running,
    settle,
    stored,
    verdict,
)
from workmill.testing.conformance.within import enqueue, finish
from workmill.words.job import Ending, JobState
from workmill.words.outcome import Failed, Outcome


@pytest.mark.anyio
class TestSettleWithin:
    """An attempt that is ended in a caller's transaction has ended if, and once, that is committed."""

    async def test_result_rows_and_child_come_at_once(
        self, store: Store, caller: Caller, another_caller: AnotherCaller
    ) -> None:
        job = await running(store)
        await caller.write("order")
        (child,) = await enqueue(store, caller, new_job())

        said = await finish(store, caller, end(job))
        before = await store.get([job.id, child.job.id])
        await caller.commit()

        assert said is Verdict.APPLIED
        assert before == [job, None]
        after = await stored(store, job.id)
        assert (after.state, after.result, after.finished_at) == (JobState.SUCCEEDED, b'"done"', await store.now())
        assert await stored(store, child.job.id) == child.job
        assert await (await another_caller()).read() == ["order"]

    async def test_rolled_back_the_job_still_runs(self, store: Store, caller: Caller) -> None:
        job = await running(store)
        await caller.write("order")
        assert await finish(store, caller, end(job)) is Verdict.APPLIED
        await caller.roll_back()

        assert await stored(store, job.id) == job
        assert await caller.read() == []
        await settle(store, end(job, Failed(failure=ERROR)))
        assert (await stored(store, job.id)).state is JobState.FAILED

    async def test_what_is_prepared_but_never_said_ends_nothing(self, store: Store, caller: Caller) -> None:
        job = await running(store)

        store.settle_within(end(job))
        await caller.commit()

        assert await stored(store, job.id) == job

    async def test_any_thread_may_prepare(self, store: Store, caller: Caller) -> None:
        job = await running(store)

        conversation = await asyncio.to_thread(store.settle_within, end(job))
        assert await caller.hold(conversation) is Verdict.APPLIED
        await caller.commit()

        assert (await stored(store, job.id)).state is JobState.SUCCEEDED

    @pytest.mark.parametrize(("outcome", "state"), AGAIN)
    async def test_attempt_that_is_not_the_last_is_written_as_settle_does(
        self, store: Store, caller: Caller, outcome: Outcome, state: JobState
    ) -> None:
        job, like = await running(store, new_job(policy=PATIENT)), await running(store, new_job(policy=PATIENT))

        assert await finish(store, caller, end(job, outcome)) is Verdict.APPLIED
        await caller.commit()
        await settle(store, end(like, outcome))

        after, expected = await stored(store, job.id), await stored(store, like.id)
        assert after.state is state
        assert replace(after, id=like.id, worker=like.worker) == expected
        assert len(await store.attempts(job.id)) == len(await store.attempts(like.id)) == 1

    async def test_job_that_was_ended_twice_is_stale(self, store: Store, caller: Caller) -> None:
        job = await running(store)
        await finish(store, caller, end(job))

        again = await finish(store, caller, end(job, Failed(failure=ERROR)))
        await caller.commit()

        assert again is Verdict.STALE
        assert (await stored(store, job.id)).state is JobState.SUCCEEDED
        assert await verdict(store, end(job, Failed(failure=ERROR))) is Verdict.STALE
        assert [attempt.ending for attempt in await store.attempts(job.id)] == [Ending.SUCCEEDED]
