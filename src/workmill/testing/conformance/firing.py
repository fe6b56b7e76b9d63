"""Ticks: what is due, and that each makes its jobs once, by the schedule's overlap rule."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from workmill.store import JobFilter, Store, TickVerdict
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    SECOND,
    add,
    hired,
    new_job,
    request,
    stored,
)
from workmill.testing.conformance.notices import QUEUED, SCHEDULED, earlier, hear, listening, queued_on
from workmill.testing.conformance.notices import scheduled as for_a_time
from workmill.testing.conformance.schedules import HOUR, by_hand, known, plan, put, tick
from workmill.words.job import Job, JobState
from workmill.words.limit import Rule, Scope
from workmill.words.schedule import Overlap, Tick

DEADLINE_SECONDS = 60.0
NOW = timedelta(0)


async def jobs_of(store: Store, name: str = "nightly") -> list[Job]:
    """Return the stored jobs of a schedule, in the order of storing."""
    page = await store.find(JobFilter(schedules=(name,)), limit=1000, cursor=None)
    return list(reversed(page.jobs))


async def fire(store: Store, one: Tick) -> TickVerdict:
    """Fire one tick and return what became of it."""
    (fired,) = await store.fire([one])
    return fired.verdict


async def fire_next(store: Store, *, jobs: int = 1) -> TickVerdict:
    """Fire the tick that comes next on the one schedule; it will be due again at once."""
    schedule = await known(store)
    return await fire(store, tick(schedule, jobs=jobs, next_at=schedule.next_at))


async def under_way(store: Store, overlap: Overlap = Overlap.SKIP) -> Job:
    """Store a schedule that is due, and return the job of its first tick, which runs."""
    await put(store, plan(overlap=overlap), after=NOW)
    assert await fire_next(store) is TickVerdict.FIRED
    (job,) = await store.claim(request(await hired(store)))
    return job


@pytest.mark.anyio
class TestDue:
    """Whose time has come, and how long until the next."""

    async def test_schedule_is_due_when_its_time_has_come(self, store: Store, harness: Harness) -> None:
        schedule = await put(store)
        first = await store.due(10)
        await harness.advance(HOUR - SECOND)
        before = await store.due(10)
        await harness.advance(SECOND)

        due = await store.due(10)

        assert (first.schedules, first.next_in) == ((), HOUR)
        assert (before.schedules, before.next_in, before.now) == ((), SECOND, due.now - SECOND)
        assert (due.now, due.schedules, due.next_in) == (await store.now(), (schedule,), None)

    async def test_those_longest_due_come_first(self, store: Store, harness: Harness) -> None:
        for number in (3, 1, 4, 2):
            await put(store, plan(name=f"s{number}"), after=number * SECOND)
        await harness.advance(3 * SECOND)

        due = await store.due(10)

        assert [one.plan.name for one in due.schedules] == ["s1", "s2", "s3"]
        assert due.next_in == SECOND

    async def test_limit_takes_those_longest_due(self, store: Store, harness: Harness) -> None:
        for number in (3, 1, 4, 2):
            await put(store, plan(name=f"s{number}"), after=number * SECOND)
        await harness.advance(5 * SECOND)

        due = await store.due(2)

        assert [one.plan.name for one in due.schedules] == ["s1", "s2"]
        assert due.next_in == timedelta(0)

    async def test_nothing_is_due_without_schedules(self, store: Store) -> None:
        due = await store.due(10)

        assert (due.now, due.schedules, due.next_in) == (await store.now(), (), None)


@pytest.mark.anyio
class TestFire:
    """A tick makes its jobs and says when the next is; it does so once."""

    async def test_tick_stores_its_job(self, store: Store) -> None:
        schedule = await put(store, after=NOW)
        next_at = await store.now() + HOUR
        made = tick(schedule, next_at=next_at)

        (fired,) = await store.fire([made])

        (answer,) = fired.jobs
        assert (fired.verdict, answer.created, answer.job.id) == (TickVerdict.FIRED, True, made.jobs[0].id)
        assert (answer.job.state, answer.job.ties) == (JobState.QUEUED, made.jobs[0].ties)
        assert answer.job == await stored(store, answer.job.id)
        after = await known(store)
        assert (after.next_at, after.last_at, after.last_job) == (next_at, made.at, answer.job.id)
        assert (after.is_active, after.version > schedule.version) == (True, True)
        assert [job.id for job in await store.claim(request(await hired(store)))] == [answer.job.id]

    async def test_tick_may_be_late(self, store: Store, harness: Harness) -> None:
        schedule = await put(store, after=NOW)
        await harness.advance(HOUR)

        await fire(store, tick(schedule, next_at=await store.now() + SECOND))

        after = await known(store)
        assert (after.last_at, after.changed_at) == (schedule.next_at, await store.now())

    async def test_tick_without_a_job_is_heeded(self, store: Store) -> None:
        schedule = await put(store, after=NOW)
        next_at = await store.now() + HOUR

        (fired,) = await store.fire([tick(schedule, jobs=0, next_at=next_at)])

        after = await known(store)
        assert (fired.verdict, fired.jobs) == (TickVerdict.FIRED, ())
        assert (after.next_at, after.last_at, after.last_job) == (next_at, schedule.next_at, None)

    async def test_tick_with_several_jobs_stores_all(self, store: Store) -> None:
        made = tick(await put(store, plan(overlap=Overlap.ALLOW), after=NOW), jobs=3)

        (fired,) = await store.fire([made])

        assert [one.job.id for one in fired.jobs] == [new.id for new in made.jobs]
        assert (await known(store)).last_job == made.jobs[-1].id

    async def test_schedule_without_a_next_time_is_not_active_any_more(self, store: Store) -> None:
        await fire(store, tick(await put(store, after=NOW)))

        after = await known(store)
        assert (after.is_active, after.next_at) == (False, None)
        assert len(await jobs_of(store)) == 1

    async def test_same_tick_fires_once(self, store: Store) -> None:
        schedule = await put(store, plan(overlap=Overlap.ALLOW), after=NOW)
        first = await store.fire([tick(schedule, next_at=await store.now() + HOUR)])
        after = await known(store)

        again, other = await store.fire([tick(schedule, next_at=await store.now() + HOUR), tick(schedule)])

        assert (again.verdict, again.jobs, other.verdict) == (TickVerdict.STALE, (), TickVerdict.STALE)
        assert await known(store) == after
        assert [job.id for job in await jobs_of(store)] == [first[0].jobs[0].job.id]

    async def test_tick_of_an_edited_schedule_is_stale(self, store: Store) -> None:
        seen = await put(store, after=NOW)
        edited = await put(store, plan(args=b"[1]"), after=NOW)

        assert await fire(store, tick(seen)) is TickVerdict.STALE

        assert (await known(store), await jobs_of(store)) == (edited, [])

    async def test_tick_of_a_stopped_schedule_is_stale(self, store: Store) -> None:
        seen = await put(store, after=NOW)
        stopped = await store.stop_schedule("nightly")

        made = replace(tick(seen), version=stopped.version)
        assert [one.verdict for one in await store.fire([tick(seen), made])] == [TickVerdict.STALE] * 2

        assert (await known(store), await jobs_of(store)) == (stopped, [])

    async def test_tick_of_an_unknown_schedule_is_stale(self, store: Store) -> None:
        seen = await put(store, after=NOW)
        person = await by_hand(store)
        await store.delete_schedules(["nightly"])

        assert [one.verdict for one in await store.fire([tick(seen), person])] == [TickVerdict.STALE] * 2

        assert await jobs_of(store) == []

    async def test_each_tick_is_answered_by_itself(self, store: Store) -> None:
        schedules = [await put(store, plan(name=name), after=NOW) for name in ("a", "b", "c")]
        await store.stop_schedule("b")

        fired = await store.fire([tick(one) for one in schedules])

        assert [one.verdict for one in fired] == [TickVerdict.FIRED, TickVerdict.STALE, TickVerdict.FIRED]
        assert [len(await jobs_of(store, name)) for name in ("a", "b", "c")] == [1, 0, 1]

    async def test_many_that_see_one_tick_fire_it_once(self, store: Store, another: Another) -> None:
        schedules = [
            await put(store, plan(name=f"s{number}", overlap=Overlap.ALLOW), after=NOW) for number in range(20)
        ]
        rivals = [store, *[await another() for _ in range(3)]]

        async def fire_each(rival: Store) -> list[TickVerdict]:
            verdicts = list[TickVerdict]()
            for schedule in schedules:
                verdicts.append(await fire(rival, tick(schedule, next_at=await rival.now() + HOUR)))
                await asyncio.sleep(0)
            return verdicts

        async with asyncio.timeout(DEADLINE_SECONDS):
            answers = await asyncio.gather(*(fire_each(rival) for rival in rivals))

        assert [sorted(verdicts) for verdicts in zip(*answers, strict=True)] == [["fired"] + ["stale"] * 3] * 20
        assert [len(await jobs_of(store, one.plan.name)) for one in schedules] == [1] * 20

    async def test_stop_and_tick_leave_no_job_that_begins(self, store: Store, another: Another) -> None:
        schedules = [await put(store, plan(name=f"s{number}"), after=NOW) for number in range(20)]
        rival = await another()

        async def fire_each() -> None:
            for schedule in schedules:
                await fire(rival, tick(schedule, next_at=await rival.now()))
                await asyncio.sleep(0)

        async def stop_each() -> None:
            for schedule in schedules:
                await store.stop_schedule(schedule.plan.name)
                await asyncio.sleep(0)

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(fire_each(), stop_each())

        assert await store.claim(request(await hired(store), limit=100)) == []
        assert (await store.due(100)).schedules == ()

    async def test_full_queue_refuses_no_schedule(self, store: Store) -> None:
        await store.set_rules([Rule(scope=Scope.QUEUE, name="default", waiting=1)])
        await add(store, new_job())

        assert await fire(store, tick(await put(store, after=NOW))) is TickVerdict.FIRED

        assert [job.state for job in await jobs_of(store)] == [JobState.QUEUED]

    async def test_job_is_told_on_its_queue(self, store: Store, another: Another) -> None:
        schedule = await earlier(another, lambda early: put(early, plan(queue="nights"), after=NOW))
        async with listening(store, QUEUED) as ear:
            await fire(store, tick(schedule))

            await hear(ear, queued_on("nights"))

    async def test_next_time_is_told(self, store: Store, another: Another) -> None:
        schedule = await earlier(another, lambda early: put(early, after=NOW))
        async with listening(store, SCHEDULED) as ear:
            await fire(store, tick(schedule, next_at=await store.now() + HOUR))

            await hear(ear, for_a_time)


@pytest.mark.anyio
class TestFireByHand:
    """A person's tick fires whatever the time, and leaves the schedule's own alone."""

    async def test_it_stores_its_job_and_leaves_the_next_time(self, store: Store) -> None:
        before = await put(store)
        made = await by_hand(store)

        (fired,) = await store.fire([made])

        assert (fired.verdict, fired.jobs[0].job.id) == (TickVerdict.FIRED, made.jobs[0].id)
        after = await known(store)
        assert (after.last_job, after.last_at, after.next_at) == (made.jobs[0].id, None, before.next_at)
        assert after.is_active

    async def test_it_fires_where_the_schedule_is_not_active(self, store: Store) -> None:
        await put(store, is_active=False)

        assert await fire(store, await by_hand(store)) is TickVerdict.FIRED

        after = await known(store)
        assert (after.is_active, after.next_at, len(await jobs_of(store))) == (False, None, 1)

    async def test_repeating_it_is_stale(self, store: Store) -> None:
        await put(store, plan(overlap=Overlap.ALLOW))
        made = await by_hand(store)
        await store.fire([made])
        after = await known(store)

        assert await fire(store, made) is TickVerdict.STALE

        assert (await known(store), len(await jobs_of(store))) == (after, 1)

    async def test_it_is_skipped_as_any_tick(self, store: Store) -> None:
        await under_way(store)
        before = await known(store)

        assert await fire(store, await by_hand(store)) is TickVerdict.SKIPPED

        assert (await known(store), len(await jobs_of(store))) == (before, 1)
