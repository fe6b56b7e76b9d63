"""Loops: the next job is counted from the end of the last, and there is never a second one beside it."""

import asyncio
from dataclasses import replace

import pytest

from workmill.store import Store, TickVerdict
from workmill.testing.conformance.firing import NOW, fire, jobs_of
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    DEATH,
    DONE,
    ERROR,
    LEASE,
    SECOND,
    end,
    hired,
    new_job,
    request,
    settle,
    stored,
)
from workmill.testing.conformance.notices import SCHEDULED, earlier, hear, listening
from workmill.testing.conformance.notices import scheduled as for_a_time
from workmill.testing.conformance.schedules import HOUR, by_hand, job_of, known, new_schedule, plan, put, tick
from workmill.testing.conformance.unreadable import spoil
from workmill.words.errors import ParentNotFound
from workmill.words.job import Job, JobState
from workmill.words.outcome import Cancelled, Failed, Interrupted, Outcome, Returned, Snoozed
from workmill.words.policy import Policy
from workmill.words.schedule import Overlap, Schedule
from workmill.words.ties import After
from workmill.words.unique import OnConflict, Uniqueness

PAUSE = 15 * SECOND
LOOP = plan(pause=PAUSE, overlap=Overlap.ALLOW)
DEADLINE_SECONDS = 60.0


async def looping(store: Store) -> Schedule:
    """Store a loop that is due; what its plan says of overlapping is of no account."""
    return await put(store, LOOP, after=NOW)


async def round_of(store: Store) -> Job:
    """Fire the loop's tick, which must be due, and return its job, which runs."""
    assert await fire(store, tick(await known(store))) is TickVerdict.FIRED
    (job,) = await store.claim(request(await hired(store)))
    return job


async def is_due_after_its_pause(store: Store) -> bool:
    """Whether the loop goes on its pause from now."""
    schedule = await known(store)
    return schedule.is_active and schedule.next_at == await store.now() + PAUSE


@pytest.mark.anyio
class TestLoops:
    """A loop is due its pause after the end of its last job, however that ended."""

    async def test_loop_is_not_due_while_its_job_has_not_ended(self, store: Store, harness: Harness) -> None:
        schedule = await looping(store)

        job = await round_of(store)

        await harness.advance(HOUR)
        after = await known(store)
        assert (after.is_active, after.next_at, after.last_at) == (True, None, schedule.next_at)
        assert after.last_job == job.id
        due = await store.due(10)
        assert (due.schedules, due.next_in) == ((), None)

    @pytest.mark.parametrize("outcome", [DONE, Failed(failure=ERROR), Cancelled()], ids=lambda one: type(one).__name__)
    async def test_loop_is_due_its_pause_after_the_end(self, store: Store, harness: Harness, outcome: Outcome) -> None:
        await looping(store)
        job = await round_of(store)
        before = await known(store)
        await harness.advance(7 * SECOND)

        await settle(store, end(job, outcome))

        assert await is_due_after_its_pause(store)
        assert (await known(store)).version > before.version
        assert (await store.due(10)).next_in == PAUSE

    @pytest.mark.parametrize("outcome", [Returned(), Snoozed(after=SECOND), Interrupted(failure=DEATH)])
    async def test_job_that_will_run_again_has_not_ended(self, store: Store, outcome: Outcome) -> None:
        await looping(store)

        await settle(store, end(await round_of(store), outcome))

        assert (await known(store)).next_at is None

    async def test_loop_goes_round_and_round(self, store: Store, harness: Harness) -> None:
        await looping(store)

        for _ in range(5):
            await settle(store, end(await round_of(store)))
            await harness.advance(PAUSE)
            assert [one.plan.name for one in (await store.due(10)).schedules] == ["nightly"]

        assert len(await jobs_of(store)) == 5

    async def test_cancel_of_its_job(self, store: Store) -> None:
        await looping(store)
        await fire(store, tick(await known(store)))

        await store.cancel([(await jobs_of(store))[0].id], None)

        assert await is_due_after_its_pause(store)

    async def test_death_of_its_worker(self, store: Store, harness: Harness) -> None:
        await put(store, replace(LOOP, policy=Policy(max_deaths=1)), after=NOW)
        await round_of(store)
        await harness.advance(LEASE)

        (lost,) = await store.expired(10)
        await settle(store, end(lost, Interrupted(failure=DEATH)))

        assert await is_due_after_its_pause(store)

    async def test_job_that_cannot_be_read(self, store: Store, harness: Harness) -> None:
        await looping(store)
        job = await round_of(store)
        await spoil(harness, job.id)

        await store.held(job.worker or "")

        assert await is_due_after_its_pause(store)

    async def test_job_that_was_not_started_in_time(self, store: Store, harness: Harness) -> None:
        await put(store, replace(LOOP, policy=Policy(expires=SECOND)), after=NOW)
        await fire(store, tick(await known(store)))
        await harness.advance(5 * SECOND)

        await store.promote(10)

        assert await is_due_after_its_pause(store)

    async def test_job_that_ends_because_of_another(self, store: Store) -> None:
        await looping(store)
        schedule = await known(store)
        parent = replace(job_of(schedule), ties=None)
        await store.enqueue([parent])
        made = tick(schedule)
        follows = replace(made.jobs[0], after=After(jobs=(parent.id,)))
        await fire(store, replace(made, jobs=(follows,)))
        assert (await known(store)).next_at is None

        await store.cancel([parent.id], None)

        assert (await stored(store, follows.id)).state is JobState.CANCELLED
        assert await is_due_after_its_pause(store)

    async def test_end_of_another_job_of_it_does_not_count(self, store: Store) -> None:
        await looping(store)
        strange = replace(job_of(await known(store)), task="other")
        await round_of(store)
        await store.enqueue([strange])

        await store.cancel([strange.id], None)

        assert (await known(store)).next_at is None

    async def test_tick_while_another_job_of_it_has_not_ended_is_skipped(self, store: Store) -> None:
        schedule = await looping(store)
        strange = replace(job_of(schedule), task="other")
        await store.enqueue([strange])

        assert await fire(store, tick(schedule)) is TickVerdict.SKIPPED

        assert await is_due_after_its_pause(store)
        assert len(await jobs_of(store)) == 1

    async def test_next_time_is_told(self, store: Store, another: Another) -> None:
        await earlier(another, looping)
        job = await earlier(another, round_of)
        async with listening(store, SCHEDULED) as ear:
            await settle(store, end(job))

            await hear(ear, for_a_time)


@pytest.mark.anyio
class TestLoopsHold:
    """Whatever people do, a loop has one job at a time and is never forgotten."""

    async def test_tick_by_hand_is_skipped_while_its_job_has_not_ended(self, store: Store) -> None:
        await looping(store)
        await round_of(store)
        before = await known(store)

        assert await fire(store, await by_hand(store)) is TickVerdict.SKIPPED

        assert (await known(store), len(await jobs_of(store))) == (before, 1)

    async def test_loop_goes_on_from_the_end_of_a_job_made_by_hand(self, store: Store, harness: Harness) -> None:
        before = await put(store, LOOP)
        assert await fire(store, await by_hand(store)) is TickVerdict.FIRED
        during = await known(store)
        assert (during.is_active, during.next_at, during.last_at) == (True, None, before.last_at)
        (job,) = await store.claim(request(await hired(store)))
        await harness.advance(SECOND)

        await settle(store, end(job))

        assert await is_due_after_its_pause(store)

    async def test_job_made_by_hand_makes_the_loop_s_own_tick_stale(self, store: Store) -> None:
        seen = await looping(store)
        await fire(store, await by_hand(store))

        assert await fire(store, tick(seen)) is TickVerdict.STALE

        assert len(await jobs_of(store)) == 1

    async def test_tick_that_brings_no_job_does_not_end_the_loop(self, store: Store) -> None:
        schedule = await looping(store)

        assert await fire(store, tick(schedule, jobs=0)) is TickVerdict.FIRED

        assert await is_due_after_its_pause(store)

    async def test_refused_batch_that_replaced_its_job_leaves_it_as_it_is(self, store: Store) -> None:
        schedule = await looping(store)
        unique = Uniqueness(name="one", on_conflict=OnConflict.REPLACE)
        made = tick(schedule)
        await fire(store, replace(made, jobs=(replace(made.jobs[0], unique=unique),)))
        before = await known(store)

        with pytest.raises(ParentNotFound):
            await store.enqueue([new_job(unique=unique), new_job(after=After(jobs=("no such job",)))])

        assert (await known(store), (await jobs_of(store))[0].state) == (before, JobState.QUEUED)

    async def test_stopped_loop_stays_stopped_when_its_job_ends(self, store: Store) -> None:
        await looping(store)
        job = await round_of(store)
        stopped = await store.stop_schedule("nightly")

        await settle(store, end(job))

        assert await known(store) == stopped

    async def test_stop_that_cancels_its_job_does_not_let_it_go_on(self, store: Store) -> None:
        await looping(store)
        await fire(store, tick(await known(store)))

        await store.stop_schedule("nightly")

        after = await known(store)
        assert [job.state for job in await jobs_of(store)] == [JobState.CANCELLED]
        assert (after.is_active, after.next_at) == (False, None)

    async def test_loop_that_is_started_while_its_job_runs_goes_on_from_the_end(self, store: Store) -> None:
        await looping(store)
        job = await round_of(store)
        await store.stop_schedule("nightly")

        started = await store.start_schedule("nightly", await store.now())

        assert (started.is_active, started.next_at) == (True, None)
        assert (await store.due(10)).schedules == ()
        await settle(store, end(job))
        assert await is_due_after_its_pause(store)

    async def test_loop_that_is_edited_while_its_job_runs_goes_on_from_the_end(
        self, store: Store, harness: Harness
    ) -> None:
        await looping(store)
        job = await round_of(store)
        longer = replace(LOOP, pause=HOUR)

        (edited,) = await store.put_schedules([new_schedule(await store.now(), made=longer)])

        assert (edited.is_active, edited.next_at, edited.last_job) == (True, None, job.id)
        await harness.advance(SECOND)
        await settle(store, end(job))
        assert (await known(store)).next_at == await store.now() + HOUR

    async def test_edit_without_a_next_time_keeps_a_loop_with_a_job_active(self, store: Store) -> None:
        await looping(store)
        await round_of(store)

        (edited,) = await store.put_schedules([new_schedule(None, made=replace(LOOP, args=b"[1]"))])

        assert edited.is_active

    async def test_what_becomes_a_loop_while_a_job_runs_goes_on_from_its_end(self, store: Store) -> None:
        clocked = await put(store, after=NOW)
        await fire(store, tick(clocked, next_at=await store.now() + HOUR))
        (job,) = await store.claim(request(await hired(store)))

        assert (await put(store, LOOP)).next_at is None

        await settle(store, end(job))
        assert await is_due_after_its_pause(store)

    async def test_what_is_no_loop_any_more_goes_by_its_own_time(self, store: Store) -> None:
        await looping(store)
        job = await round_of(store)
        clocked = await put(store)
        assert clocked.next_at == await store.now() + HOUR

        await settle(store, end(job))

        assert await known(store) == clocked

    async def test_deleted_loop_does_not_come_back(self, store: Store) -> None:
        await looping(store)
        job = await round_of(store)
        await store.delete_schedules(["nightly"])

        await settle(store, end(job))

        assert await store.schedules(limit=10, cursor=None) == ([], None)

    async def test_end_and_stop_at_once_leave_it_stopped(self, store: Store, another: Another) -> None:
        rival = await another()
        await looping(store)
        for _ in range(10):
            job = await round_of(store)

            async with asyncio.timeout(DEADLINE_SECONDS):
                await asyncio.gather(settle(rival, end(job)), store.stop_schedule("nightly"))

            after = await known(store)
            assert (after.is_active, after.next_at) == (False, None)
            await store.start_schedule("nightly", await store.now())

    async def test_end_and_start_at_once_let_it_go_on(self, store: Store, another: Another) -> None:
        rival = await another()
        await looping(store)
        for _ in range(10):
            job = await round_of(store)
            await store.stop_schedule("nightly")

            async with asyncio.timeout(DEADLINE_SECONDS):
                await asyncio.gather(settle(rival, end(job)), store.start_schedule("nightly", await store.now()))

            after = await known(store)
            assert after.is_active
            assert after.next_at is not None
            await store.stop_schedule("nightly")
            await store.start_schedule("nightly", await store.now())
