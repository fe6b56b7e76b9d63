"""Schedules: declared and made at run time, started, stopped, edited, and what they do to their jobs."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from workmill import (
    App,
    Cron,
    Every,
    InvalidOption,
    JobState,
    Limit,
    Loop,
    Missed,
    Overlap,
    Retry,
    ScheduleActive,
    ScheduleChanged,
    ScheduleNotFound,
    TaskError,
    Unique,
)
from workmill.craft.ticking import tick_of
from workmill.craft.when import when_of
from workmill.store import Fired
from workmill.testing import FakeClock


@pytest.fixture
def add(app: App) -> Any:
    @app.task
    def add(a: int = 1, b: int = 1) -> int:
        return a + b

    return add


def fire(app: App) -> list[Fired]:
    """Do what a leader does when schedules are due."""

    async def look(session: Any) -> list[Fired]:
        due = await session.store.due(100)
        ticks = [tick_of(each, when_of(each.plan.when), due.now) for each in due.schedules]
        fired: list[Fired] = await session.store.fire(ticks)
        return fired

    return app._portal.run(look)  # noqa: SLF001 - no caller fires; workers do


def test_what_code_declares_is_stored_when_work_begins(app: App) -> None:
    @app.task(schedule=Cron("0 9 * * *", tz="Europe/Berlin"), queue="mail", retry=Retry(2))
    def report(day: str = "today") -> str:
        return day

    app.schedule("ping", report.job("tomorrow"), Every(30), active=False, overlap="allow", missed="skip")
    with pytest.raises(ScheduleNotFound):
        app.schedules.get("report")

    app.drain()

    page = app.schedules.list()
    ping, of_task = page.schedules
    assert (ping.name, of_task.name) == ("ping", "report")
    assert (of_task.is_active, of_task.info.is_declared, of_task.when) == (True, True, report.schedule)
    assert (of_task.info.plan.queue, of_task.info.plan.policy.max_attempts) == ("mail", 3)
    assert (ping.is_active, ping.info.plan.args) == (False, b'{"day":"tomorrow"}')
    assert (ping.info.plan.overlap, ping.info.plan.missed) == (Overlap.ALLOW, Missed.SKIP)


async def test_a_worker_fires_what_it_declares(app: App) -> None:
    came = asyncio.Event()

    @app.task(schedule=Loop(0))
    async def tick() -> None:
        came.set()

    async with app.working(), asyncio.timeout(10):
        await came.wait()

    assert (await app.schedules.aget("tick")).info.last_job is not None


def test_a_declared_schedule_is_declared_once(app: App, add: Any) -> None:
    app.schedule("s", add.job(), Every(30))

    with pytest.raises(InvalidOption, match="declared already"):
        app.schedule("s", add.job(), Every(60))
    with pytest.raises(InvalidOption, match="declared already"):

        @app.task(schedule=Every(30))
        def s() -> None:
            return


def test_what_cannot_be_called_by_a_schedule_is_refused(app: App, add: Any) -> None:
    def needy(a: int) -> int:
        return a

    with pytest.raises(InvalidOption, match="give defaults"):
        app.task(schedule=Every(30))(needy)
    with pytest.raises(InvalidOption, match="no `unique`"):
        app.task(schedule=Every(30), unique=Unique(by=()), name="u")(lambda: None)
    with pytest.raises(InvalidOption, match="option when"):
        app.task(schedule="every 30", name="w")(lambda: None)  # type: ignore[call-overload]
    for job in (add.using(delay=1).job(), add.using(key="k").job(), add.using(after=add.job()).job(), "add"):
        with pytest.raises(InvalidOption, match="option job"):
            app.schedules.create("s", job, Every(30))
    with pytest.raises(InvalidOption, match="option name"):
        app.schedules.create("no name", add.job(), Every(30))
    with pytest.raises(InvalidOption, match="option overlap"):
        app.schedules.create("s", add.job(), Every(30), overlap="maybe")
    with pytest.raises(InvalidOption, match="option missed"):
        app.schedules.create("s", add.job(), Every(30), missed="maybe")


def test_a_schedule_makes_its_jobs_with_what_they_pass(app: App, clock: FakeClock) -> None:
    @app.task(limit=Limit(1, key="{shop}"))
    def sync(shop: str) -> str:
        return shop

    schedule = app.schedules.create("s", sync.using(priority=5).job("one"), Every(30))
    clock.advance(30)
    fire(app)

    (job,) = schedule.history()
    assert (job.record.priority, job.record.args) == (5, b'{"shop":"one"}')
    assert job.record.ties is not None
    assert [gate.key for gate in job.record.ties.gates] == ["one"]


def test_a_schedule_is_made_once(app: App, add: Any) -> None:
    app.schedules.create("s", add.job(), Every(30))

    with pytest.raises(ScheduleChanged, match="'s'"):
        app.schedules.create("s", add.job(), Every(60))

    assert app.schedules["s"].when == Every(30)


def test_a_loop_is_started_and_stopped(app: App, add: Any, clock: FakeClock) -> None:
    loop = app.schedules.create("loop", add.job(2), Loop(15), active=False)
    assert fire(app) == []

    loop.start(job=add.job(5, b=5))
    with pytest.raises(ScheduleActive):
        loop.start()
    fire(app)
    app.drain()
    clock.advance(14)
    assert fire(app) == []
    clock.advance(1)
    fire(app)
    loop.stop()
    loop.stop()

    assert [(job.state, job.record.result) for job in loop.history()] == [
        (JobState.CANCELLED, None),
        (JobState.SUCCEEDED, b"10"),
    ]
    assert not loop.is_active
    assert fire(app) == []


def test_of_many_starts_one_succeeds_and_its_arguments_hold(app: App, add: Any) -> None:
    app.schedules.create("loop", add.job(), Loop(1), active=False)

    async def start(number: int) -> int | None:
        handle = await app.schedules.aget("loop")
        try:
            await handle.astart(job=add.job(number))
        except ScheduleActive:
            return None
        return number

    async def start_all() -> list[int | None]:
        return await asyncio.gather(*(start(number) for number in range(20)))

    (winner,) = [number for number in asyncio.run(start_all()) if number is not None]
    assert app.schedules["loop"].info.plan.args == add.job(winner).args


def test_a_start_may_be_delayed(app: App, add: Any) -> None:
    schedule = app.schedules.create("s", add.job(), Every(30), active=False)

    schedule.start(delay=5)

    assert schedule.next(2) == [app.now() + timedelta(seconds=5), app.now() + timedelta(seconds=35)]


def test_a_start_with_another_tasks_job_is_refused(app: App, add: Any) -> None:
    @app.task
    def other() -> None:
        return

    schedule = app.schedules.create("s", add.job(), Loop(1), active=False)

    with pytest.raises(InvalidOption, match="makes jobs of add"):
        schedule.start(job=other.job())


def test_stopping_cancels_what_runs_only_when_told(app: App, add: Any) -> None:
    schedule = app.schedules.create("s", add.job(), Loop(1))
    fire(app)

    schedule.stop(cancel_running=True)

    (job,) = schedule.history()
    assert job.state is JobState.CANCELLED
    assert "s was stopped" in (job.record.cancel_reason or "")


def test_a_schedule_can_be_triggered_while_it_is_stopped(app: App, add: Any) -> None:
    schedule = app.schedules.create("s", add.job(4), Every(30), active=False)

    job = schedule.trigger()
    again = schedule.trigger()
    app.drain()

    assert job is not None
    assert again is None  # the first has not ended, and the rule is to skip
    assert job.result(0) == 5
    assert not schedule.is_active


def test_the_next_times_are_told(app: App, add: Any) -> None:
    schedule = app.schedules.create("s", add.job(), Cron("0 0 * * *"), active=False)

    days = schedule.next(3)

    assert [other - one for one, other in pairwise(days)] == [timedelta(days=1)] * 2
    for count in (0, 1001, True):
        with pytest.raises(InvalidOption, match="option count"):
            schedule.next(count)
    with pytest.raises(InvalidOption, match="option limit"):
        schedule.history(0)


def test_an_edit_changes_what_is_given(app: App, add: Any, clock: FakeClock) -> None:
    schedule = app.schedules.create("s", add.job(), Every(30), overlap="allow")
    began = schedule.info.next_at
    clock.advance(10)

    schedule.edit(job=add.using(queue="other").job(7))
    assert (schedule.info.next_at, schedule.info.plan.queue) == (began, "other")
    schedule.edit(when=Every(60), overlap="queue", missed="all")

    assert schedule.info.next_at == app.now() + timedelta(seconds=60)
    assert (schedule.info.plan.overlap, schedule.info.plan.missed) == (Overlap.QUEUE, Missed.ALL)
    assert schedule.info.plan.queue == "other"


def test_an_edit_of_what_somebody_else_has_changed_is_refused(app: App, add: Any) -> None:
    app.schedules.create("s", add.job(), Every(30))
    mine, theirs = app.schedules["s"], app.schedules["s"]
    theirs.edit(when=Every(40))

    with pytest.raises(ScheduleChanged):
        mine.edit(when=Every(50))

    assert mine.refresh().edit(when=Every(50)).when == Every(50)
    assert app.schedules.edit("s", when=Every(60)).when == Every(60)


def test_an_edit_is_made_though_the_schedule_fires_meanwhile(
    app: App, add: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.schedules.create("s", add.job(), Every(30), overlap="allow")
    schedule = app.schedules["s"]
    store = app._portal.run(with_store)  # noqa: SLF001 - to fire between its reading and its writing
    put, fired = store.put_schedules, list[Fired]()

    async def fire_first(schedules: Any) -> Any:
        if not fired:
            clock.advance(30)
            due = await store.due(1)
            fired.extend(await store.fire([tick_of(due.schedules[0], Every(30), due.now)]))
        return await put(schedules)

    monkeypatch.setattr(store, "put_schedules", fire_first)

    schedule.edit(job=add.job(9))

    assert (len(fired), schedule.info.plan.args) == (1, b'{"a":9}')
    assert schedule.next(1) == [app.now() + timedelta(seconds=30)]


async def with_store(session: Any) -> Any:
    return session.store


def test_an_edit_of_what_is_stopped_meanwhile_starts_nothing(app: App, add: Any) -> None:
    app.schedules.create("s", add.job(), Every(30))
    mine = app.schedules["s"]
    edition = mine.edition
    app.schedules["s"].stop()

    mine.edit(when=Every(60))

    assert not mine.is_active
    assert mine.edition != edition


def test_a_deleted_schedule_is_gone_and_its_jobs_stay(app: App, add: Any) -> None:
    schedule = app.schedules.create("s", add.job(), Loop(1))
    fire(app)

    schedule.delete()
    app.schedules.delete("s")

    assert len(app.jobs().jobs) == 1
    for call in (schedule.refresh, schedule.stop, schedule.start, schedule.trigger, schedule.next):
        with pytest.raises(ScheduleNotFound):
            call()
    with pytest.raises(ScheduleNotFound):
        app.schedules.get("no name")


def test_schedules_are_listed_in_pages(app: App, add: Any) -> None:
    for name in ("c", "a", "b"):
        app.schedules.create(name, add.job(), Every(30))

    page = app.schedules.list(limit=2)
    rest = app.schedules.list(limit=2, cursor=page.next_cursor)

    assert [each.name for each in (*page.schedules, *rest.schedules)] == ["a", "b", "c"]
    assert rest.next_cursor is None
    with pytest.raises(InvalidOption, match="option limit"):
        app.schedules.list(limit=0)


async def test_twins_answer_alike(app: App, add: Any) -> None:
    schedule = await app.schedules.acreate("s", add.job(), Every(30), delay=3)

    await schedule.aedit(missed="skip")
    assert (await schedule.anext(1))[0] == await app.anow() + timedelta(seconds=3)
    assert await schedule.atrigger() is not None
    assert len(await schedule.ahistory()) == 1
    assert not (await schedule.astop()).is_active
    assert (await schedule.astart()).is_active
    assert (await schedule.arefresh()).info.plan.missed is Missed.SKIP
    assert len((await app.schedules.alist()).schedules) == 1
    assert (await app.schedules.aedit("s", missed="all")).info.plan.missed is Missed.ALL
    assert "active" in repr(schedule)
    await schedule.adelete()
    await app.schedules.adelete("s")


def test_a_subscription_takes_one_argument(app: App) -> None:
    def two(a: int, b: int = 1) -> int:
        return a + b

    with pytest.raises(TaskError, match="one argument"):
        app.on("news")(two)
