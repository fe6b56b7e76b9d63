"""Schedules as rows: stored, edited, listed, started, stopped and forgotten."""

import uuid
from datetime import datetime, timedelta

import pytest

from workmill.store import Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import (
    PLAIN,
    SECOND,
    TASK,
)
from workmill.testing.conformance.notices import SCHEDULED, earlier, hear, listening
from workmill.testing.conformance.notices import scheduled as for_a_time
from workmill.words.errors import InvalidOption, ScheduleActive, ScheduleChanged, ScheduleNotFound
from workmill.words.job import NewJob
from workmill.words.limit import Gate
from workmill.words.policy import Policy
from workmill.words.retry import Backoff
from workmill.words.schedule import Missed, NewSchedule, Overlap, Plan, Schedule, Tick
from workmill.words.ties import Ties

HOUR = timedelta(hours=1)


def plan(
    *,
    name: str = "nightly",
    pause: timedelta | None = None,
    overlap: Overlap = Overlap.SKIP,
    args: bytes = b"{}",
    queue: str = "default",
) -> Plan:
    """Make a plan."""
    when = "cron 0 3 * * *" if pause is None else f"loop {pause.total_seconds()}"
    return Plan(
        name=name,
        when=when,
        pause=pause,
        task=TASK,
        queue=queue,
        priority=0,
        args=args,
        policy=PLAIN,
        overlap=overlap,
    )


def new_schedule(
    next_at: datetime | None, *, made: Plan | None = None, is_active: bool = True, version: int | None = None
) -> NewSchedule:
    """Make a schedule that is not stored yet."""
    return NewSchedule(plan=made or plan(), next_at=next_at, is_active=is_active, version=version)


async def put(store: Store, made: Plan | None = None, *, after: timedelta = HOUR, is_active: bool = True) -> Schedule:
    """Store one schedule that is due after a length of time."""
    new = new_schedule(await store.now() + after, made=made, is_active=is_active)
    (schedule,) = await store.put_schedules([new])
    return schedule


async def known(store: Store, name: str = "nightly") -> Schedule:
    """Return a schedule that must be stored."""
    (schedule,) = await store.get_schedules([name])
    assert schedule is not None
    return schedule


def job_of(schedule: Schedule, at: datetime | None = None) -> NewJob:
    """Make a job as a schedule's tick brings it."""
    plan = schedule.plan
    return NewJob(
        id=str(uuid.uuid4()),
        task=plan.task,
        queue=plan.queue,
        priority=plan.priority,
        args=plan.args,
        policy=plan.policy,
        ties=Ties(gates=plan.gates, schedule=plan.name, tick=at),
    )


def tick(schedule: Schedule, *, jobs: int = 1, next_at: datetime | None = None) -> Tick:
    """Make the tick that is due on a schedule as it is stored."""
    at = schedule.next_at
    assert at is not None
    made = tuple(job_of(schedule, at) for _ in range(jobs))
    return Tick(schedule=schedule.plan.name, version=schedule.version, at=at, jobs=made, next_at=next_at)


async def by_hand(store: Store, name: str = "nightly") -> Tick:
    """Make the tick that a person asks for."""
    schedule, now = await known(store, name), await store.now()
    return Tick(schedule=name, version=None, at=now, jobs=(job_of(schedule, now),), next_at=None)


@pytest.mark.anyio
class TestPutSchedules:
    """Schedules are stored, and edited under the same names."""

    async def test_new_schedule(self, store: Store) -> None:
        next_at, now = await store.now() + HOUR, await store.now()

        (schedule,) = await store.put_schedules([new_schedule(next_at)])

        assert schedule == await known(store)
        assert (schedule.plan, schedule.next_at) == (plan(), next_at)
        assert (schedule.is_active, schedule.is_declared) == (True, False)
        assert (schedule.last_at, schedule.last_job) == (None, None)
        assert (schedule.created_at, schedule.changed_at) == (now, now)

    async def test_plan_comes_back_whole(self, store: Store) -> None:
        odd = Plan(
            name="a.b:c-D_9",
            when="cron 0 9 * * 1-5 Europe/Berlin é",
            pause=timedelta(microseconds=1),
            task="t",
            queue="q",
            priority=-7,
            args='{"text":"é\\u0000"}'.encode(),
            policy=Policy(max_attempts=7, backoff=Backoff(factor=1.5), timeout=SECOND, expires=HOUR),
            gates=(Gate(name="tenant", key='"{},é'), Gate(name="region", key="x")),
            overlap=Overlap.QUEUE,
            missed=Missed.ALL,
        )

        (schedule,) = await store.put_schedules([new_schedule(await store.now(), made=odd)])

        assert schedule.plan == odd
        assert await known(store, odd.name) == schedule

    async def test_several_at_once_are_answered_in_their_order(self, store: Store) -> None:
        news = [new_schedule(await store.now(), made=plan(name=name)) for name in ("b", "c", "a")]

        answers = await store.put_schedules(news)

        assert [one.plan.name for one in answers] == ["b", "c", "a"]
        assert await store.get_schedules(["c", "none", "b"]) == [answers[1], None, answers[0]]

    async def test_edited_one_gets_plan_and_time_and_keeps_the_rest(self, store: Store, harness: Harness) -> None:
        await put(store, after=timedelta(0))
        (fired,) = await store.fire([tick(await known(store), next_at=await store.now() + HOUR)])
        before = await known(store)
        await harness.advance(SECOND)
        next_at = await store.now() + 2 * HOUR

        (after,) = await store.put_schedules([new_schedule(next_at, made=plan(args=b"[1]"))])

        assert after == await known(store)
        assert (after.plan.args, after.next_at, after.is_active) == (b"[1]", next_at, True)
        assert (after.last_at, after.last_job) == (before.last_at, fired.jobs[0].job.id)
        assert (after.created_at, after.changed_at) == (before.created_at, await store.now())
        assert after.version > before.version

    async def test_inactive_one_has_no_next_time(self, store: Store) -> None:
        first = await put(store, is_active=False)
        active = await put(store)
        again = await put(store, is_active=False)

        assert [(one.is_active, one.next_at is None) for one in (first, active, again)] == [
            (False, True),
            (True, False),
            (False, True),
        ]
        assert (await store.due(10)).next_in is None

    async def test_one_without_a_next_time_is_not_active(self, store: Store) -> None:
        (schedule,) = await store.put_schedules([new_schedule(None)])

        assert (schedule.is_active, schedule.next_at) == (False, None)

    async def test_next_time_is_told(self, store: Store) -> None:
        async with listening(store, SCHEDULED) as ear:
            await put(store)

            await hear(ear, for_a_time)

    async def test_edit_of_what_was_seen_is_done(self, store: Store) -> None:
        next_at, seen = await store.now() + HOUR, await put(store)

        (after,) = await store.put_schedules([new_schedule(next_at, version=seen.version, made=plan(queue="q"))])

        assert after.plan.queue == "q"

    async def test_edit_of_another_than_was_seen_is_refused(self, store: Store) -> None:
        next_at, seen = await store.now() + HOUR, await put(store)
        changed = await put(store, plan(queue="q"))

        with pytest.raises(ScheduleChanged) as caught:
            await store.put_schedules(
                [
                    new_schedule(next_at, made=plan(name="other")),
                    new_schedule(next_at, version=seen.version, made=plan(queue="mine")),
                ]
            )

        assert (caught.value.name, caught.value.version) == ("nightly", changed.version)
        assert await store.get_schedules(["nightly", "other"]) == [changed, None]

    async def test_edit_of_what_is_gone_is_refused(self, store: Store) -> None:
        next_at, seen = await store.now() + HOUR, await put(store)
        await store.delete_schedules(["nightly"])

        with pytest.raises(ScheduleChanged) as caught:
            await store.put_schedules([new_schedule(next_at, version=seen.version)])

        assert caught.value.version is None
        assert await store.get_schedules(["nightly"]) == [None]

    async def test_new_one_is_refused_where_there_is_one(self, store: Store) -> None:
        next_at = await store.now() + HOUR
        (first,) = await store.put_schedules([new_schedule(next_at, version=0)])

        with pytest.raises(ScheduleChanged) as caught:
            await store.put_schedules([new_schedule(next_at, version=0, made=plan(queue="q"))])

        assert caught.value.version == first.version
        assert await known(store) == first


@pytest.mark.anyio
class TestListSchedules:
    """Schedules are listed by name, page by page."""

    async def test_pages_come_by_name(self, store: Store) -> None:
        names = ["b", "B", "a.1", "a", "_", "10", "9", "a-1"]
        next_at = await store.now()
        await store.put_schedules([new_schedule(next_at, made=plan(name=name)) for name in names])
        pages, cursor = list[list[str]](), None

        while not pages or cursor is not None:
            page, cursor = await store.schedules(limit=3, cursor=cursor)
            assert page == await store.get_schedules([one.plan.name for one in page])
            pages.append([one.plan.name for one in page])

        assert pages == [["10", "9", "B"], ["_", "a", "a-1"], ["a.1", "b"]]

    async def test_page_that_takes_the_rest_is_the_last(self, store: Store) -> None:
        await put(store)

        assert await store.schedules(limit=1, cursor=None) == ([await known(store)], None)

    async def test_no_schedules_are_an_empty_page(self, store: Store) -> None:
        assert await store.schedules(limit=10, cursor=None) == ([], None)

    @pytest.mark.parametrize("cursor", ["", "'; --", "\n", "é", "x" * 500])
    async def test_foreign_cursor_is_refused(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidOption, match="cursor"):
            await store.schedules(limit=10, cursor=cursor)


@pytest.mark.anyio
class TestStartSchedule:
    """A schedule that does not go on is started."""

    async def test_started_one_is_due_when_it_is_said(self, store: Store, harness: Harness) -> None:
        before = await put(store, is_active=False)
        await harness.advance(SECOND)
        next_at = await store.now() + HOUR

        after = await store.start_schedule("nightly", next_at)

        assert after == await known(store)
        assert (after.is_active, after.next_at, after.changed_at) == (True, next_at, await store.now())
        assert (after.version > before.version, after.plan) == (True, before.plan)
        assert (await store.due(10)).next_in == HOUR

    async def test_other_arguments_take_the_place_of_the_plan_s(self, store: Store) -> None:
        await put(store, is_active=False)

        after = await store.start_schedule("nightly", await store.now(), args=b'{"n":1}')

        assert after.plan == plan(args=b'{"n":1}')
        assert await known(store) == after

    async def test_one_that_goes_on_is_refused(self, store: Store) -> None:
        before = await put(store)

        with pytest.raises(ScheduleActive, match="nightly"):
            await store.start_schedule("nightly", await store.now(), args=b"[1]")

        assert await known(store) == before

    async def test_unknown_one_is_refused(self, store: Store) -> None:
        with pytest.raises(ScheduleNotFound, match="nightly"):
            await store.start_schedule("nightly", await store.now())

    async def test_next_time_is_told(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: put(early, is_active=False))
        async with listening(store, SCHEDULED) as ear:
            await store.start_schedule("nightly", await store.now())

            await hear(ear, for_a_time)
