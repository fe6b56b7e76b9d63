"""The scheduler: fires what is due, at its time, once, whatever else happens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.running.fakes import FailingStore, Kept
from workmill import Every, Job, Loop, Missed, Overlap, Policy, StoreUnavailable, When
from workmill.running import scheduler as scheduling
from workmill.running.duty import Duty
from workmill.running.leader import duties_of
from workmill.running.scheduler import scheduler
from workmill.store import JobFilter
from workmill.words.events import DutyFailed, StoreFailing
from workmill.words.schedule import NewSchedule, Plan

LONGEST_SECONDS = 10.0


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


def plan(name: str, when: When, text: str | None = None) -> Plan:
    return Plan(
        name=name,
        when=text or when.text,
        pause=when.pause,
        task="t",
        queue="q",
        priority=0,
        args=b"{}",
        policy=Policy(),
        overlap=Overlap.ALLOW,
        missed=Missed.ALL,
    )


async def put(store: FailingStore, name: str, when: When, text: str | None = None) -> None:
    now = await store.now()
    await store.put_schedules([NewSchedule(plan=plan(name, when, text), next_at=when.first(now))])


async def made(store: FailingStore, name: str) -> list[Job]:
    return list((await store.find(JobFilter(schedules=(name,)), limit=100, cursor=None)).jobs)[::-1]


@asynccontextmanager
async def doing(*duties: Duty) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(duty.run()) for duty in duties]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        while not holds():  # noqa: ASYNC110 - each turn of the loop brings it nearer
            await asyncio.sleep(0)


async def test_what_is_due_is_fired_with_every_tick(store: FailingStore) -> None:
    await put(store, "s", Every(10))
    store.clock.advance(35)

    async with doing(scheduler(store, emit=Kept().append)):
        await until(lambda: store.calls.count("due") > 1)

    jobs = await made(store, "s")
    assert len(jobs) == 3
    ticks = [job.ties.tick for job in jobs if job.ties and job.ties.tick]
    assert [other - one for one, other in pairwise(ticks)] == [timedelta(seconds=10)] * 2


async def test_what_is_not_due_is_left_alone(store: FailingStore) -> None:
    await put(store, "s", Every(10))
    store.clock.advance(9)

    async with doing(scheduler(store, emit=Kept().append)):
        await until(lambda: "due" in store.calls)

    assert "fire" not in store.calls


async def test_a_schedule_that_begins_wakes_it(store: FailingStore) -> None:
    async with doing(scheduler(store, emit=Kept().append)):
        await until(lambda: "due" in store.calls)
        await put(store, "s", Loop(0))
        await until(lambda: "fire" in store.calls)

    assert len(await made(store, "s")) == 1


async def test_many_schedulers_fire_each_tick_once(store: FailingStore) -> None:
    for number in range(20):
        await put(store, f"s{number}", Every(10))
    store.clock.advance(25)

    async with doing(*(scheduler(store, emit=Kept().append) for _ in range(5))):
        await until(lambda: store.calls.count("due") > 10)

    assert [len(await made(store, f"s{number}")) for number in range(20)] == [2] * 20


async def test_one_that_cannot_be_read_is_told_once_and_keeps_no_other_back(
    store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "BATCH", 1)
    monkeypatch.setattr(scheduling, "POLL_SECONDS", 0.001)
    events = Kept()
    await put(store, "bad", Every(10), "cron 0 9 * * * Mars/Base")
    await put(store, "good", Every(11))
    store.clock.advance(15)

    async with doing(scheduler(store, emit=events.append)):
        await until(lambda: store.calls.count("due") > 5)

    assert len(await made(store, "good")) == 1
    (told,) = events.of(DutyFailed)
    assert "'bad'" in told.error
    assert "Mars/Base" in told.error


async def test_a_store_that_fails_costs_it_a_pause_and_no_tick(store: FailingStore) -> None:
    events = Kept()
    await put(store, "s", Every(10))
    store.clock.advance(10)
    store.failures["fire"] = [StoreUnavailable("gone")]

    async with doing(scheduler(store, emit=events.append)):
        await until(lambda: store.calls.count("fire") > 1)

    assert len(await made(store, "s")) == 1
    assert [event.error for event in events.of(StoreFailing)] == ["gone"]


def test_it_is_one_of_the_leaders_duties(store: FailingStore) -> None:
    assert scheduling.NAME in [duty.name for duty in duties_of(store, emit=Kept().append)]
