"""Rows that cannot be read: they fail, visibly, and nothing else does."""

from datetime import timedelta

import pytest

from workmill.store import JobFilter, Report, Store, Verdict
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    ERROR,
    LEASE,
    PATIENT,
    SECOND,
    add,
    end,
    ended,
    hired,
    new_job,
    new_jobs,
    request,
    settle,
    stored,
)
from workmill.words.job import Job, JobState, Progress
from workmill.words.outcome import Failed, FailureKind


async def spoil(harness: Harness, job_id: str) -> None:
    """Make a stored job unreadable, or leave the test where a store cannot hold such a thing."""
    if not await harness.corrupt(job_id):
        pytest.skip("this store holds nothing that could not be read")


async def has_failed(store: Store, job_id: str) -> bool:
    """Whether an unreadable job is counted as failed, and fails as unreadable where it can be read by now."""
    (job,) = await store.get([job_id])
    counted = sum(count.jobs for count in await store.counts() if count.state is JobState.FAILED)
    if job is None:
        return counted == 1
    return counted == 1 and job.failure is not None and job.failure.kind is FailureKind.UNREADABLE


@pytest.mark.anyio
class TestUnreadable:
    """One bad row never fails a batch and never blocks another job."""

    async def held_with_one_spoilt(self, store: Store, harness: Harness) -> list[Job]:
        """Return three running jobs of one worker; the middle one cannot be read."""
        await store.enqueue(new_jobs(3))
        jobs = await store.claim(request(await hired(store), limit=3))
        await spoil(harness, jobs[1].id)
        return jobs

    async def test_claim_fails_it_and_takes_the_others(self, store: Store, harness: Harness) -> None:
        batch = new_jobs(3)
        await store.enqueue(batch)
        await spoil(harness, batch[0].id)

        claimed = await store.claim(request(await hired(store), limit=3))

        assert [job.id for job in claimed] == [batch[1].id, batch[2].id]
        assert await has_failed(store, batch[0].id)

    async def test_it_does_not_stand_in_the_way_for_ever(self, store: Store, harness: Harness) -> None:
        spoilt, good = await add(store, new_job(priority=9)), await add(store, new_job())
        await spoil(harness, spoilt.id)
        worker_id = await hired(store)

        claimed = [job.id for _ in range(3) for job in await store.claim(request(worker_id, limit=1))]

        assert claimed == [good.id]

    async def test_claim_with_a_settle_fails_it_too(self, store: Store, harness: Harness) -> None:
        batch = new_jobs(2)
        await store.enqueue(batch)
        await spoil(harness, batch[0].id)

        settled = await store.settle([], request(await hired(store), limit=2))

        assert [job.id for job in settled.claimed] == [batch[1].id]
        assert await has_failed(store, batch[0].id)

    async def test_held_fails_it_and_returns_the_others(self, store: Store, harness: Harness) -> None:
        jobs = await self.held_with_one_spoilt(store, harness)

        held = await store.held(jobs[0].worker or "")

        assert {job.id for job in held} == {jobs[0].id, jobs[2].id}
        assert await has_failed(store, jobs[1].id)

    async def test_expired_fails_it_and_returns_the_others(self, store: Store, harness: Harness) -> None:
        jobs = await self.held_with_one_spoilt(store, harness)
        await harness.advance(LEASE)

        expired = await store.expired(10)

        assert {job.id for job in expired} == {jobs[0].id, jobs[2].id}
        assert await has_failed(store, jobs[1].id)

    async def test_settle_and_report_serve_the_others(self, store: Store, harness: Harness) -> None:
        jobs = await self.held_with_one_spoilt(store, harness)

        answers = await store.report([Report(job_id=job.id, token=1, progress=Progress(current=1)) for job in jobs])
        settled = await store.settle([end(job) for job in jobs])

        assert (answers[0], answers[2]) == (True, True)
        assert (settled.verdicts[0], settled.verdicts[2]) == (Verdict.APPLIED, Verdict.APPLIED)

    async def test_reading_leaves_it_out(self, store: Store, harness: Harness) -> None:
        batch = new_jobs(3)
        await store.enqueue(batch)
        await spoil(harness, batch[1].id)

        got = await store.get([new.id for new in batch])
        listed = await store.find(JobFilter(), limit=10, cursor=None)

        assert [job and job.id for job in got] == [batch[0].id, None, batch[2].id]
        assert [job.id for job in listed.jobs] == [batch[2].id, batch[0].id]

    async def test_pages_go_on_past_it(self, store: Store, harness: Harness) -> None:
        batch = new_jobs(5)
        await store.enqueue(batch)
        for place in (3, 2):
            await spoil(harness, batch[place].id)

        listed, cursor = list[str](), None
        for _ in range(5):
            page = await store.find(JobFilter(), limit=1, cursor=cursor)
            listed += [job.id for job in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break

        assert listed == [batch[4].id, batch[1].id, batch[0].id]

    async def test_cancel_serves_the_others(self, store: Store, harness: Harness) -> None:
        batch = new_jobs(2)
        await store.enqueue(batch)
        await spoil(harness, batch[0].id)

        answers = await store.cancel([new.id for new in batch], None)

        assert answers[1] is not None
        assert (await stored(store, batch[1].id)).state is JobState.CANCELLED

    async def test_promote_serves_the_others(self, store: Store, harness: Harness) -> None:
        spoilt, good = await add(store, new_job(delay=SECOND)), await add(store, new_job(delay=2 * SECOND))
        await spoil(harness, spoilt.id)
        await harness.advance(2 * SECOND)

        await store.promote(10)

        assert (await stored(store, good.id)).state is JobState.QUEUED

    async def test_it_is_pruned_in_the_end(self, store: Store, harness: Harness) -> None:
        new = await add(store, new_job())
        await spoil(harness, new.id)
        await store.claim(request(await hired(store)))
        await harness.advance(timedelta(days=366))

        assert await store.prune(10) == 1

        assert await store.counts() == []

    async def test_its_attempts_can_be_read(self, store: Store, harness: Harness) -> None:
        job = await ended(store, Failed(failure=ERROR), new_job(policy=PATIENT))
        await spoil(harness, job.id)

        assert [attempt.failure for attempt in await store.attempts(job.id)] == [ERROR]

    async def test_settled_before_it_was_spoilt(self, store: Store, harness: Harness) -> None:
        job = await ended(store)
        await spoil(harness, job.id)
        await harness.advance(job.policy.keep)

        assert await store.prune(10) == 1

    async def test_it_does_not_keep_new_jobs_out(self, store: Store, harness: Harness) -> None:
        await spoil(harness, (await add(store, new_job())).id)

        (enqueued,) = await store.enqueue([new_job()])

        assert enqueued.created
        (job,) = await store.claim(request(await hired(store), limit=2))
        await settle(store, end(job))
