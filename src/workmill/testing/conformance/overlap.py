"""What becomes of a tick while a job that the schedule has made before has not ended."""

from datetime import timedelta

import pytest

from workmill.store import NoticeKind, Store, TickVerdict
from workmill.testing.conformance.firing import NOW, fire_next, jobs_of, under_way
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    end,
    hired,
    request,
    settle,
    stored,
)
from workmill.testing.conformance.notices import earlier, hear, listening
from workmill.testing.conformance.schedules import HOUR, job_of, known, plan, put, tick
from workmill.words.job import JobState
from workmill.words.outcome import Cancelled
from workmill.words.schedule import MOST_QUEUED, Overlap
from workmill.words.unstarted import overlapped_by

EXPECTED = {
    Overlap.SKIP: [JobState.RUNNING],
    Overlap.QUEUE: [JobState.RUNNING, JobState.WAITING, JobState.WAITING],
    Overlap.CANCEL: [JobState.RUNNING, JobState.CANCELLED, JobState.WAITING],
    Overlap.ALLOW: [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED],
}
"""The states of the jobs of a schedule after two ticks while the job of its first runs, in the order of storing."""


@pytest.mark.anyio
class TestOverlap:
    """While any job of a schedule has not ended, its overlap rule says what becomes of a tick."""

    @pytest.mark.parametrize("overlap", Overlap)
    async def test_two_ticks_while_the_first_job_runs(self, store: Store, overlap: Overlap) -> None:
        await under_way(store, overlap)

        verdicts = [await fire_next(store), await fire_next(store)]

        expected = TickVerdict.SKIPPED if overlap is Overlap.SKIP else TickVerdict.FIRED
        assert verdicts == [expected] * 2
        assert [job.state for job in await jobs_of(store)] == EXPECTED[overlap]

    @pytest.mark.parametrize("overlap", Overlap)
    async def test_one_tick_with_two_jobs_while_the_first_job_runs(self, store: Store, overlap: Overlap) -> None:
        await under_way(store, overlap)

        await fire_next(store, jobs=2)

        assert [job.state for job in await jobs_of(store)] == EXPECTED[overlap]

    async def test_skipped_tick_is_heeded(self, store: Store) -> None:
        job = await under_way(store)
        schedule = await known(store)
        next_at = await store.now() + HOUR

        (fired,) = await store.fire([tick(schedule, next_at=next_at)])

        after = await known(store)
        assert (fired.verdict, fired.jobs) == (TickVerdict.SKIPPED, ())
        assert (after.last_at, after.next_at, after.last_job) == (schedule.next_at, next_at, job.id)
        assert after.version > schedule.version

    async def test_of_several_jobs_the_first_is_stored_where_none_is_under_way(self, store: Store) -> None:
        made = tick(await put(store, after=NOW), jobs=3)

        (fired,) = await store.fire([made])

        assert (fired.verdict, [one.job.id for one in fired.jobs]) == (TickVerdict.FIRED, [made.jobs[0].id])
        assert (await known(store)).last_job == made.jobs[0].id

    @pytest.mark.parametrize("overlap", Overlap)
    async def test_job_that_has_ended_is_in_nobody_s_way(self, store: Store, overlap: Overlap) -> None:
        await settle(store, end(await under_way(store, overlap)))

        assert await fire_next(store) is TickVerdict.FIRED

        assert [job.state for job in await jobs_of(store)] == [JobState.SUCCEEDED, JobState.QUEUED]

    async def test_job_that_is_not_stored_any_more_is_in_nobody_s_way(self, store: Store, harness: Harness) -> None:
        await settle(store, end(await under_way(store)))
        await harness.advance(timedelta(days=30))
        await store.prune(10)
        assert await jobs_of(store) == []

        assert await fire_next(store) is TickVerdict.FIRED

    async def test_queued_up_jobs_run_one_after_the_other(self, store: Store) -> None:
        job, worker_id = await under_way(store, Overlap.QUEUE), await hired(store)
        await fire_next(store, jobs=2)
        _, second, third = await jobs_of(store)
        assert await store.parents([second.id, third.id]) == [(job.id,), (job.id, second.id)]

        for expected in (second, third):
            assert await store.claim(request(worker_id, limit=10)) == []
            await settle(store, end(job))
            (job,) = await store.claim(request(worker_id, limit=10))
            assert job.id == expected.id

    async def test_waiting_is_for_the_end_however_it_comes(self, store: Store) -> None:
        job = await under_way(store, Overlap.QUEUE)
        await fire_next(store)
        await store.cancel([job.id], None)
        await settle(store, end(await stored(store, job.id)))

        assert [one.state for one in await jobs_of(store)][1:] == [JobState.QUEUED]

    async def test_running_job_is_asked_to_make_room(self, store: Store, another: Another) -> None:
        job = await earlier(another, lambda early: under_way(early, Overlap.CANCEL))
        schedule = await known(store)
        made = tick(schedule, next_at=schedule.next_at)
        async with listening(store, frozenset({NoticeKind.CANCEL})) as ear:
            await store.fire([made])

            await hear(ear, lambda notice: not notice.job_ids or job.id in notice.job_ids)

        asked = await stored(store, job.id)
        assert (asked.state, asked.cancel_reason) == (JobState.RUNNING, overlapped_by(made.jobs[0].id))
        assert (asked.cancel_requested_at, asked.cancel_forced) == (await store.now(), False)
        assert await store.parents([made.jobs[0].id]) == [(job.id,)]

    async def test_job_that_makes_room_leaves_its_wait_to_the_next(self, store: Store) -> None:
        job = await under_way(store, Overlap.CANCEL)
        await fire_next(store)
        await fire_next(store)
        _, second, third = await jobs_of(store)
        assert (second.state, second.cancel_reason) == (JobState.CANCELLED, overlapped_by(third.id))
        assert await store.claim(request(await hired(store), limit=10)) == []

        await settle(store, end(job))

        claimed = await store.claim(request(await hired(store), limit=10))
        assert [one.id for one in claimed] == [third.id]

    @pytest.mark.parametrize("overlap", [Overlap.QUEUE, Overlap.CANCEL])
    async def test_cancel_of_one_that_waits_lets_nobody_run_beside_the_first(
        self, store: Store, overlap: Overlap
    ) -> None:
        job, worker_id = await under_way(store, overlap), await hired(store)
        await fire_next(store, jobs=2)
        *_, second, third = await jobs_of(store)

        await store.cancel([second.id], None)
        await fire_next(store)
        assert await store.claim(request(worker_id, limit=10)) == []
        await store.cancel([third.id], None)
        await fire_next(store)
        assert await store.claim(request(worker_id, limit=10)) == []

        await settle(store, end(job))
        assert len(await store.claim(request(worker_id, limit=10))) == 1

    async def test_no_more_are_queued_up_than_may(self, store: Store) -> None:
        schedule = await put(store, plan(overlap=Overlap.QUEUE), after=NOW)
        await store.enqueue([job_of(schedule) for _ in range(MOST_QUEUED - 2)])

        verdicts = [await fire_next(store, jobs=3), await fire_next(store)]
        before = await jobs_of(store)
        (job,) = await store.claim(request(await hired(store)))
        await settle(store, end(job))
        verdicts.append(await fire_next(store, jobs=2))

        assert verdicts == [TickVerdict.FIRED, TickVerdict.SKIPPED, TickVerdict.FIRED]
        assert (len(before), len(await jobs_of(store))) == (MOST_QUEUED, MOST_QUEUED + 1)
        assert len((await store.parents([before[-1].id]))[0]) == MOST_QUEUED - 1

    async def test_every_unfinished_job_of_the_schedule_counts(self, store: Store) -> None:
        await settle(store, end(await under_way(store)))
        made = job_of(await known(store))
        await store.enqueue([made])
        assert (await known(store)).last_job != made.id

        assert await fire_next(store) is TickVerdict.SKIPPED

    async def test_all_that_have_not_ended_are_asked_to_make_room(self, store: Store) -> None:
        await put(store, plan(overlap=Overlap.CANCEL), after=NOW)
        await store.enqueue([job_of(await known(store)) for _ in range(3)])
        held = await store.claim(request(await hired(store), limit=2))

        await fire_next(store)

        first, second, third, last = await jobs_of(store)
        assert [one.state for one in (first, second, third, last)] == ["running", "running", "cancelled", "waiting"]
        assert {one.cancel_reason for one in (first, second, third)} == {overlapped_by(last.id)}
        assert await store.parents([last.id]) == [(first.id, second.id)]
        await settle(store, end(held[0], Cancelled()))
        assert (await stored(store, last.id)).state is JobState.WAITING
        await settle(store, end(held[1], Cancelled()))
        assert (await stored(store, last.id)).state is JobState.QUEUED

    async def test_job_that_has_not_begun_makes_room_at_once(self, store: Store) -> None:
        await put(store, plan(overlap=Overlap.CANCEL), after=NOW)
        await fire_next(store)

        await fire_next(store)

        assert [job.state for job in await jobs_of(store)] == [JobState.CANCELLED, JobState.QUEUED]
