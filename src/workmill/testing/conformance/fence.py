"""The fence: a write about a claim changes nothing unless that claim is the newest and still runs."""

from dataclasses import replace

import pytest

from workmill.store import Report, Store, Verdict
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.making import (
    DEATH,
    ERROR,
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
    verdict,
)
from workmill.words.job import Job, JobState, Progress
from workmill.words.outcome import Failed, Interrupted, Outcome, Returned, Snoozed

AGAIN = [
    pytest.param(Failed(failure=ERROR), JobState.RETRYING, id="failed"),
    pytest.param(Snoozed(after=SECOND), JobState.SCHEDULED, id="snoozed"),
    pytest.param(Interrupted(failure=DEATH), JobState.QUEUED, id="interrupted"),
    pytest.param(Returned(), JobState.QUEUED, id="returned"),
]


@pytest.mark.anyio
class TestFence:
    """Who lost a job can neither end it nor undo what others made of it."""

    async def test_second_end_of_an_attempt_is_stale(self, store: Store) -> None:
        job = await running(store)
        await settle(store, end(job))
        before = await stored(store, job.id)

        assert await verdict(store, end(job, Failed(failure=ERROR))) is Verdict.STALE

        assert await stored(store, job.id) == before
        assert len(await store.attempts(job.id)) == 1

    async def test_older_token_is_stale(self, store: Store) -> None:
        lost = await running(store)
        await settle(store, end(lost, Returned()))
        (job,) = await store.claim(request(await hired(store)))

        assert await verdict(store, end(lost)) is Verdict.STALE

        assert await stored(store, job.id) == job

    @pytest.mark.parametrize("token", [0, 2, -1])
    async def test_any_other_token_is_stale(self, store: Store, token: int) -> None:
        job = await running(store)

        assert await verdict(store, replace(end(job), token=token)) is Verdict.STALE

        assert await stored(store, job.id) == job

    async def test_job_that_does_not_run_is_stale(self, store: Store) -> None:
        job = await add(store, new_job())

        assert await verdict(store, end(job)) is Verdict.STALE

        assert await stored(store, job.id) == job

    async def test_job_that_was_given_back_is_stale(self, store: Store) -> None:
        job = await running(store)
        await settle(store, end(job, Returned()))
        before = await stored(store, job.id)

        assert await verdict(store, end(job)) is Verdict.STALE

        assert await stored(store, job.id) == before

    async def test_unknown_job_is_stale(self, store: Store) -> None:
        job = await running(store)

        assert await verdict(store, replace(end(job), job_id="no such job")) is Verdict.STALE

    async def test_repeated_transition_in_one_batch_is_applied_once(self, store: Store) -> None:
        job = await running(store)

        settled = await store.settle([end(job), end(job), end(job, Failed(failure=ERROR))])

        assert settled.verdicts == (Verdict.APPLIED, Verdict.STALE, Verdict.STALE)
        assert (await stored(store, job.id)).state is JobState.SUCCEEDED
        assert len(await store.attempts(job.id)) == 1

    async def test_verdicts_of_a_mixed_batch_come_in_its_order(self, store: Store, another: Another) -> None:
        await store.enqueue(new_jobs(5))
        jobs = await store.claim(request(await hired(store), limit=5))
        await settle(store, end(jobs[0]), end(jobs[3]))
        await (await another()).cancel([jobs[2].id], None)

        settled = await store.settle([end(job, Returned()) for job in jobs])

        applied, stale, refused = Verdict.APPLIED, Verdict.STALE, Verdict.CANCEL_REQUESTED
        assert settled.verdicts == (stale, applied, refused, stale, applied)
        states = [(await stored(store, job.id)).state for job in jobs]
        assert states == ["succeeded", "queued", "running", "succeeded", "queued"]


@pytest.mark.anyio
class TestCancelRequested:
    """A job whose cancel was requested never runs again, whoever decided so before the request came."""

    async def requested(self, store: Store) -> Job:
        """Return a job as its worker claimed it, with a cancel that the worker has not seen."""
        job = await running(store, new_job(policy=PATIENT))
        await store.cancel([job.id], "not now")
        return job

    @pytest.mark.parametrize(("outcome", "state"), AGAIN)
    async def test_running_again_is_refused(self, store: Store, outcome: Outcome, state: JobState) -> None:
        job = await self.requested(store)
        before = await stored(store, job.id)
        transition = end(job, outcome)
        assert transition.state is state

        assert await verdict(store, transition) is Verdict.CANCEL_REQUESTED

        assert await stored(store, job.id) == before
        assert await store.attempts(job.id) == []

    @pytest.mark.parametrize(("outcome", "state"), AGAIN)
    async def test_decided_anew_it_is_cancelled(self, store: Store, outcome: Outcome, state: JobState) -> None:
        job = await self.requested(store)
        assert end(job, outcome).state is state

        await settle(store, end(await stored(store, job.id), outcome))

        after = await stored(store, job.id)
        assert (after.state, after.cancel_reason) == (JobState.CANCELLED, "not now")
        assert after.finished_at == await store.now()

    async def test_result_is_kept_all_the_same(self, store: Store) -> None:
        job = await self.requested(store)

        await settle(store, end(job))

        after = await stored(store, job.id)
        assert (after.state, after.result, after.cancel_reason) == (JobState.SUCCEEDED, b'"done"', "not now")

    async def test_failure_for_good_is_kept_all_the_same(self, store: Store) -> None:
        job = await self.requested(store)

        await settle(store, end(job, Failed(failure=ERROR, retryable=False)))

        assert (await stored(store, job.id)).state is JobState.FAILED


@pytest.mark.anyio
class TestProgress:
    """Progress is fenced like an end, and outlives the attempt."""

    async def test_progress_is_stored(self, store: Store) -> None:
        job = await running(store)
        progress = Progress(current=2.5, total=10, message="frame 2½\n\x00")

        assert await store.report([Report(job_id=job.id, token=job.token, progress=progress)]) == [True]

        after = await stored(store, job.id)
        assert after.progress == progress
        assert after.version > job.version

    async def test_newest_progress_counts(self, store: Store) -> None:
        job = await running(store)
        reports = [Report(job_id=job.id, token=1, progress=Progress(current=part)) for part in (1, 2, 3)]

        assert await store.report(reports) == [True, True, True]

        assert (await stored(store, job.id)).progress == Progress(current=3)

    async def test_answers_come_in_the_order_of_the_reports(self, store: Store) -> None:
        await store.enqueue(new_jobs(3))
        jobs = await store.claim(request(await hired(store), limit=3))
        await settle(store, end(jobs[1]))

        answers = await store.report([Report(job_id=job.id, token=1, progress=Progress(current=1)) for job in jobs])

        assert answers == [True, False, True]

    async def test_older_token_stores_nothing(self, store: Store) -> None:
        lost = await running(store)
        await settle(store, end(lost, Returned()))
        (job,) = await store.claim(request(await hired(store)))

        assert await store.report([Report(job_id=job.id, token=lost.token, progress=Progress(current=1))]) == [False]

        assert await stored(store, job.id) == job

    async def test_unknown_job_stores_nothing(self, store: Store) -> None:
        assert await store.report([Report(job_id="no such job", token=1, progress=Progress(current=1))]) == [False]

    async def test_no_report_is_answered_with_nothing(self, store: Store) -> None:
        assert await store.report([]) == []

    @pytest.mark.parametrize("outcome", [Returned(), Failed(failure=ERROR)], ids=["returned", "failed"])
    async def test_progress_stays_when_the_attempt_ends(self, store: Store, outcome: Outcome) -> None:
        job = await running(store)
        await store.report([Report(job_id=job.id, token=1, progress=Progress(current=1, message="half"))])

        await settle(store, end(job, outcome))

        assert (await stored(store, job.id)).progress == Progress(current=1, message="half")

    async def test_next_attempt_begins_with_it(self, store: Store) -> None:
        job = await running(store)
        await store.report([Report(job_id=job.id, token=1, progress=Progress(current=1))])
        await settle(store, end(job, Returned()))

        (again,) = await store.claim(request(await hired(store)))

        assert again.progress == Progress(current=1)
