"""Schedules that are stopped or deleted: none of their jobs begins any more."""

from datetime import timedelta

import pytest

from workmill.store import Store
from workmill.testing.conformance.after import follower
from workmill.testing.conformance.harness import Harness
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
from workmill.testing.conformance.schedules import HOUR, job_of, known, plan, put, tick
from workmill.words.errors import ScheduleNotFound
from workmill.words.job import Job, JobState
from workmill.words.outcome import Failed
from workmill.words.policy import Policy
from workmill.words.retry import Backoff
from workmill.words.schedule import Schedule
from workmill.words.ties import Needs, Ties
from workmill.words.unstarted import parent_cancelled, schedule_stopped


@pytest.mark.anyio
class TestStopSchedule:
    """A stopped schedule stores no job, and none of its jobs begins."""

    async def test_stopped_one_is_not_due_any_more(self, store: Store, harness: Harness) -> None:
        before = await put(store)
        await harness.advance(HOUR)

        after = await store.stop_schedule("nightly")

        assert after == await known(store)
        assert (after.is_active, after.next_at, after.changed_at) == (False, None, await store.now())
        assert after.version > before.version
        due = await store.due(10)
        assert (due.schedules, due.next_in) == ((), None)

    async def mine(self, store: Store, schedule: Schedule) -> dict[JobState, Job]:
        """Return one job of the schedule in each state that is not final."""
        policy = Policy(max_attempts=2, backoff=Backoff(first=HOUR, jitter=0))
        ties = Ties(schedule=schedule.plan.name)
        retrying = await ended(store, Failed(failure=ERROR), new_job(policy=policy, ties=ties))
        held = await running(store, new_job(ties=ties))
        news = [
            new_job(ties=ties),
            new_job(delay=HOUR, ties=ties),
            new_job(after=follower(held, needs=Needs.END).after, ties=ties),
        ]
        answers = await store.enqueue(news)
        return {job.state: job for job in (retrying, held, *(one.job for one in answers))}

    async def test_its_jobs_that_do_not_run_are_cancelled(self, store: Store) -> None:
        jobs = await self.mine(store, await put(store))
        assert len(jobs) == 5

        await store.stop_schedule("nightly")

        held = jobs.pop(JobState.RUNNING)
        assert await stored(store, held.id) == held
        for job in jobs.values():
            after = await stored(store, job.id)
            assert (after.state, after.cancel_reason) == (JobState.CANCELLED, schedule_stopped("nightly"))
            assert after.cancel_requested_at == await store.now()
        assert await store.claim(request(await hired(store), limit=10)) == []

    async def test_its_running_jobs_are_asked_to_end_where_that_is_wanted(self, store: Store) -> None:
        jobs = await self.mine(store, await put(store))

        await store.stop_schedule("nightly", cancel_running=True)

        held = await stored(store, jobs[JobState.RUNNING].id)
        assert (held.state, held.cancel_reason) == (JobState.RUNNING, schedule_stopped("nightly"))
        assert (held.cancel_requested_at, held.cancel_forced) == (await store.now(), False)

    async def test_jobs_of_others_stay(self, store: Store) -> None:
        await put(store)
        other = await put(store, plan(name="other"))
        jobs = [await add(store, job_of(other)), await add(store, new_job(ties=Ties(flow="nightly")))]

        await store.stop_schedule("nightly", cancel_running=True)

        assert await store.get([job.id for job in jobs]) == jobs
        assert await known(store, "other") == other

    async def test_what_follows_its_jobs_ends_with_them(self, store: Store) -> None:
        job = await add(store, job_of(await put(store)))
        waiting = await add(store, follower(job))

        await store.stop_schedule("nightly")

        assert (await stored(store, waiting.id)).cancel_reason == parent_cancelled(job.id)

    async def test_repeating_it_is_no_error(self, store: Store, harness: Harness) -> None:
        held = await running(store, job_of(await put(store)))
        first = await store.stop_schedule("nightly")
        await harness.advance(SECOND)

        assert await store.stop_schedule("nightly") == first
        assert await stored(store, held.id) == held
        await store.stop_schedule("nightly", cancel_running=True)
        assert (await stored(store, held.id)).cancel_requested_at == await store.now()

    async def test_unknown_one_is_refused(self, store: Store) -> None:
        with pytest.raises(ScheduleNotFound, match="nightly"):
            await store.stop_schedule("nightly")

    async def test_it_can_be_started_again(self, store: Store) -> None:
        await put(store)
        await store.stop_schedule("nightly")

        assert (await store.start_schedule("nightly", await store.now())).is_active


@pytest.mark.anyio
class TestDeleteSchedules:
    """A deleted schedule is stopped and forgotten."""

    async def test_deleted_one_is_gone(self, store: Store) -> None:
        await put(store)
        other = await put(store, plan(name="other"))

        await store.delete_schedules(["nightly", "none"])

        assert await store.get_schedules(["nightly", "other"]) == [None, other]
        assert await store.schedules(limit=10, cursor=None) == ([other], None)
        assert (await store.due(10)).next_in == HOUR

    async def test_its_jobs_stay_but_do_not_begin(self, store: Store) -> None:
        schedule = await put(store)
        held = await running(store, job_of(schedule))
        queued = await add(store, job_of(schedule))

        await store.delete_schedules(["nightly"])

        assert (await stored(store, queued.id)).cancel_reason == schedule_stopped("nightly")
        assert await stored(store, held.id) == held
        await settle(store, end(held))
        assert (await stored(store, held.id)).state is JobState.SUCCEEDED

    async def test_one_made_anew_is_another(self, store: Store) -> None:
        old = await put(store, after=timedelta(0))
        late = tick(old)
        await store.delete_schedules(["nightly"])
        new = await put(store, after=timedelta(0))

        (fired,) = await store.fire([late])

        assert (fired.verdict, fired.jobs) == ("stale", ())
        assert await known(store) == new
        assert new.last_job is None

    async def test_repeating_it_is_no_error(self, store: Store) -> None:
        await store.delete_schedules(["nightly"])
        await store.delete_schedules([])

        assert await store.schedules(limit=10, cursor=None) == ([], None)
