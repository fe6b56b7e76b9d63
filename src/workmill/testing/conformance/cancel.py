"""Cancelling, in every state that a job can be in."""

from datetime import timedelta

import pytest

from workmill.store import NoticeKind, Store
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DONE,
    ERROR,
    PATIENT,
    SECOND,
    add,
    end,
    ended,
    hired,
    new_job,
    new_jobs,
    request,
    running,
    settle,
    stored,
)
from workmill.words.job import Job, JobState
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Succeeded
from workmill.words.policy import Policy


async def cancel(store: Store, job_id: str, reason: str | None = None) -> Job:
    """Cancel one job that must be stored."""
    (job,) = await store.cancel([job_id], reason)
    assert job is not None
    return job


@pytest.mark.anyio
class TestCancel:
    """One that is not running is cancelled at once, a running one is asked to end, a final one stays."""

    @pytest.mark.parametrize("delay", [None, timedelta(hours=1)], ids=["queued", "scheduled"])
    async def test_job_that_never_ran_is_cancelled_at_once(self, store: Store, delay: timedelta | None) -> None:
        job = await add(store, new_job(delay=delay, policy=Policy(keep=timedelta(hours=3))))

        cancelled = await cancel(store, job.id, "typo")

        now = await store.now()
        assert (cancelled.state, cancelled.cancel_reason) == (JobState.CANCELLED, "typo")
        assert (cancelled.cancel_requested_at, cancelled.finished_at) == (now, now)
        assert cancelled.expires_at == now + timedelta(hours=3)
        assert cancelled.version > job.version
        assert cancelled == await stored(store, job.id)
        assert await store.attempts(job.id) == []

    async def test_retrying_job_is_cancelled_at_once(self, store: Store) -> None:
        job = await ended(store, Failed(failure=ERROR), new_job(policy=PATIENT))

        cancelled = await cancel(store, job.id)

        assert (cancelled.state, cancelled.failure, cancelled.attempt) == (JobState.CANCELLED, ERROR, 1)
        assert cancelled.finished_at == await store.now()

    async def test_job_back_in_the_queue_is_cancelled_at_once(self, store: Store) -> None:
        job = await ended(store, Interrupted(failure=ERROR))

        assert (await cancel(store, job.id)).state is JobState.CANCELLED

    async def test_cancelled_job_is_never_claimed(self, store: Store) -> None:
        batch = new_jobs(3)
        await store.enqueue(batch)

        await cancel(store, batch[1].id)

        claimed = await store.claim(request(await hired(store), limit=3))
        assert [job.id for job in claimed] == [batch[0].id, batch[2].id]

    async def test_cancelled_job_is_never_promoted(self, store: Store, harness: Harness) -> None:
        job = await add(store, new_job(delay=SECOND))

        await cancel(store, job.id)

        await harness.advance(SECOND)
        promotion = await store.promote(10)
        assert (promotion.count, promotion.next_in) == (0, None)

    async def test_running_job_runs_on_with_the_request(self, store: Store, harness: Harness) -> None:
        job = await running(store)
        await harness.advance(SECOND)

        asked = await cancel(store, job.id, "too slow")

        assert (asked.state, asked.token, asked.worker) == (JobState.RUNNING, job.token, job.worker)
        assert (asked.cancel_requested_at, asked.cancel_reason) == (await store.now(), "too slow")
        assert asked.version > job.version
        assert (asked.finished_at, asked.expires_at) == (None, None)
        assert asked == await stored(store, job.id)

    @pytest.mark.parametrize(
        "outcome", [DONE, Failed(failure=ERROR), Cancelled(reason="first")], ids=lambda one: str(one)[:9]
    )
    async def test_final_job_is_returned_unchanged(self, store: Store, outcome: Outcome) -> None:
        job = await ended(store, outcome)

        assert await cancel(store, job.id, "late") == job

        assert await stored(store, job.id) == job

    async def test_repeating_it_changes_nothing(self, store: Store, harness: Harness) -> None:
        queued, held = await add(store, new_job(task="other")), await running(store)
        first = await store.cancel([queued.id, held.id], "first")
        await harness.advance(SECOND)

        assert await store.cancel([queued.id, held.id], "second") == first

    async def test_unknown_job_is_none(self, store: Store) -> None:
        assert await store.cancel(["no such job"], None) == [None]

    async def test_answers_come_in_the_order_asked(self, store: Store) -> None:
        done = await ended(store, Succeeded(result=b"1"))
        held = await running(store)
        queued = await add(store, new_job())

        answers = await store.cancel([queued.id, "no such job", done.id, held.id, queued.id], None)

        assert [job and (job.id, job.state) for job in answers] == [
            (queued.id, JobState.CANCELLED),
            None,
            (done.id, JobState.SUCCEEDED),
            (held.id, JobState.RUNNING),
            (queued.id, JobState.CANCELLED),
        ]

    async def test_nothing_to_cancel_is_answered_with_nothing(self, store: Store) -> None:
        assert await store.cancel([], None) == []


@pytest.mark.anyio
class TestForcedCancel:
    """A forced request is to end a running job, not to ask it."""

    async def test_running_job_runs_on_with_the_forced_request(self, store: Store) -> None:
        job = await running(store)

        (asked,) = await store.cancel([job.id], "now", force=True)

        assert asked is not None
        assert (asked.state, asked.cancel_reason, asked.cancel_forced) == (JobState.RUNNING, "now", True)
        assert asked == await stored(store, job.id)

    async def test_request_of_a_running_job_becomes_forced(self, store: Store, harness: Harness) -> None:
        asked = await cancel(store, (await running(store)).id, "first")
        await harness.advance(SECOND)

        (forced,) = await store.cancel([asked.id], "second", force=True)

        assert forced is not None
        assert not asked.cancel_forced
        assert forced.cancel_forced
        assert forced.version > asked.version
        assert (forced.cancel_requested_at, forced.cancel_reason) == (asked.cancel_requested_at, "first")

    async def test_forced_request_stays_forced(self, store: Store) -> None:
        job = await running(store)
        first = await store.cancel([job.id], None, force=True)

        assert await store.cancel([job.id], None) == first
        assert await store.cancel([job.id], None, force=True) == first

    async def test_forced_request_is_told(self, store: Store) -> None:
        job = await running(store)
        await cancel(store, job.id)

        async with store.listen(frozenset({NoticeKind.CANCEL})) as ear:
            await store.cancel([job.id], None, force=True)
            heard = await ear.next(10)

        assert any(not notice.job_ids or job.id in notice.job_ids for notice in heard)

    async def test_forced_job_that_ends_keeps_the_mark(self, store: Store) -> None:
        job = await running(store)
        await store.cancel([job.id], None, force=True)
        await settle(store, end(job, Cancelled()))

        after = await stored(store, job.id)
        assert (after.state, after.cancel_forced) == (JobState.CANCELLED, True)

    async def test_job_that_does_not_run_is_cancelled_at_once(self, store: Store) -> None:
        job = await add(store, new_job())

        (cancelled,) = await store.cancel([job.id], None, force=True)

        assert cancelled is not None
        assert (cancelled.state, cancelled.cancel_forced) == (JobState.CANCELLED, True)

    async def test_final_job_is_returned_unchanged(self, store: Store) -> None:
        job = await ended(store, DONE)

        assert await store.cancel([job.id], None, force=True) == [job]
