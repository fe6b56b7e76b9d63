"""Whom the vigil has replaced, and how, told by children of the test's own; every wait of the vigil passes at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.running.fakes import FailingStore, Kept, Time, new_jobs, new_worker
from workmill.running.protocol import Message, Pong, Recall
from workmill.running.vigil import MOST_MISSED, RECALL_SECONDS, Vigil
from workmill.store import ClaimRequest
from workmill.words.errors import StoreUnavailable
from workmill.words.events import EngineStuck
from workmill.words.job import Job
from workmill.words.policy import Policy

LIMIT = timedelta(seconds=10)
GRACE = timedelta(seconds=5)
LATE = Pong(has_overstayed=True, stack="in staying")
BLOCKED = Pong(lag_seconds=2.0, job_id="J", task="block", stack="in block")


class Child:
    """What a vigil needs of an engine process; it answers every ping, unless it is silent."""

    def __init__(self, *, solos: int = 0) -> None:
        self.number = 1
        self.pid = 1001
        self.solos = solos
        self.pong = Pong()
        self.missed = 0
        self.pings = 0
        self.is_silent = False
        self.heeds_recall = False
        self.is_dismissed = False
        self.last_stack = ""
        self.stacks_written = 0
        self.told: list[Message] = []
        self._ended = asyncio.Event()

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    async def ended(self) -> None:
        await self._ended.wait()

    def ping(self) -> None:
        self.pings += 1
        self.missed += self.is_silent

    def say(self, message: Message) -> None:
        self.told.append(message)
        if self.heeds_recall:
            self._ended.set()

    async def write_stack(self) -> None:
        self.stacks_written += 1
        self.last_stack = "in C"

    def kill(self) -> None:
        self._ended.set()


class Crew:
    """What a vigil needs of a crew of one child."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.is_ending = False
        self.is_leaving = False
        self.has_successor = True
        self.relieved: list[str] = []

    @property
    def at_work(self) -> tuple[Child, ...]:
        return () if self.is_leaving or self.child.has_ended else (self.child,)

    @property
    def present(self) -> tuple[Child, ...]:
        return () if self.child.has_ended else (self.child,)

    async def relieve(self, process: Child, *, why: str, grace_seconds: float | None, see_off: Any) -> object:
        self.relieved.append(why)
        assert grace_seconds is None
        if self.has_successor:
            self.is_leaving = True
            await see_off(process)
        return "hello" if self.has_successor else None


class Scene:
    def __init__(self, *, solos: int = 0) -> None:
        self.store = FailingStore()
        self.child = Child(solos=solos)
        self.crew = Crew(self.child)
        self.time = Time(self.store.clock)
        self.events = Kept()
        self.rounds = 0
        self._turned = asyncio.Event()
        self.vigil = Vigil(
            crew=self.crew,  # type: ignore[arg-type] - a stand-in
            store=self.store,
            worker_id="w1",
            grace=GRACE,
            emit=self.events.append,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.time.slept.append(seconds)
        self.rounds += 1
        await asyncio.sleep(0)

    async def hold_job(self, age: timedelta) -> Job:
        """Let the child hold a job with a time limit, begun so long ago."""
        await self.store.enqueue(new_jobs(1, policy=Policy(timeout=LIMIT)))
        await self.store.register(new_worker(lease=1e6))
        request = ClaimRequest(worker_id="w1", engine=1, queues=None, tasks=("add",), limit=1)
        (job,) = await self.store.claim(request)
        self.store.clock.advance(age.total_seconds())
        return job

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        keeping = asyncio.create_task(self.vigil.keep())
        try:
            async with asyncio.timeout(5):
                yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def for_rounds(self, count: int) -> None:
        begun = self.rounds
        while self.rounds < begun + count:  # noqa: ASYNC110 - it is the loop itself that must turn
            await asyncio.sleep(0)


OVERDUE = LIMIT + GRACE + timedelta(seconds=1)


async def test_who_does_well_is_asked_each_second_and_the_store_never() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.store.calls.clear()

    async with scene.watched():
        await scene.for_rounds(20)

    assert scene.child.pings >= 19
    assert scene.time.slept == [1.0] * scene.rounds
    assert scene.store.calls == []
    assert scene.events == []


@pytest.mark.parametrize("pong", [LATE, BLOCKED])
async def test_a_suspect_whose_jobs_may_go_on_is_left_alone(pong: Pong) -> None:
    scene = Scene()
    await scene.hold_job(LIMIT)
    scene.child.pong = pong

    async with scene.watched():
        await scene.for_rounds(20)

    assert not scene.child.has_ended
    assert scene.crew.relieved == []


async def test_one_with_an_overdue_job_is_relieved_recalled_and_killed_with_its_stack_kept() -> None:
    scene = Scene()
    job = await scene.hold_job(OVERDUE)
    scene.child.pong = LATE

    async with scene.watched():
        await scene.child.ended()

    assert scene.crew.relieved == [f"job {job.id} add has overstayed"]
    assert scene.child.told == [Recall()]
    assert RECALL_SECONDS in scene.time.slept
    assert (scene.child.is_dismissed, scene.child.last_stack, scene.child.stacks_written) == (True, "in staying", 0)


async def test_what_ends_when_it_is_recalled_is_not_killed() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.pong, scene.child.heeds_recall = LATE, True

    async with scene.watched():
        await scene.child.ended()
        await scene.for_rounds(5)

    assert scene.child.told == [Recall()]
    assert not scene.child.is_dismissed


async def test_one_whose_loop_stands_still_is_not_asked_first() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.pong = BLOCKED

    async with scene.watched():
        await scene.child.ended()

    assert scene.child.told == []
    assert (scene.child.is_dismissed, scene.child.last_stack) == (True, "in block")


async def test_one_that_is_silent_for_some_rounds_is_killed_with_a_stack_written_in_c() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.is_silent = True

    async with scene.watched():
        await scene.child.ended()

    assert scene.child.missed >= MOST_MISSED
    assert scene.child.told == []
    assert (scene.child.is_dismissed, scene.child.last_stack) == (True, "in C")


async def test_a_standstill_is_said_now_and_then_with_the_guilty_job() -> None:
    scene = Scene()
    scene.child.pong = BLOCKED

    async with scene.watched():
        await scene.for_rounds(25)

    events = scene.events.of(EngineStuck)
    assert len(events) == 3
    assert events[0] == EngineStuck(
        worker_id="w1", engine=1, pid=1001, seconds=2.0, job_id="J", task="block", stack="in block"
    )


async def test_a_silence_is_said_with_the_stack_that_was_written_in_c() -> None:
    scene = Scene()
    scene.child.is_silent = True

    async with scene.watched():
        await scene.for_rounds(MOST_MISSED + 2)

    (event,) = scene.events.of(EngineStuck)
    assert (event.seconds >= MOST_MISSED, event.job_id, event.stack) == (True, None, "in C")


async def test_a_store_that_does_not_answer_is_asked_again() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.pong = LATE
    scene.store.failures["held"] = [StoreUnavailable("away")] * 2

    async with scene.watched():
        await scene.child.ended()

    assert scene.store.calls.count("held") == 3


async def test_without_a_successor_one_whose_loop_turns_works_on_and_is_tried_again() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.pong, scene.crew.has_successor = LATE, False

    async with scene.watched():
        while len(scene.crew.relieved) < 3:  # noqa: ASYNC110 - it is the loop itself that must turn
            await asyncio.sleep(0)
        assert scene.child.told == []
        scene.crew.has_successor = True
        await scene.child.ended()

    assert scene.child.is_dismissed


async def test_without_a_successor_one_that_stands_still_is_killed() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.pong, scene.crew.has_successor = BLOCKED, False

    async with scene.watched():
        await scene.child.ended()

    assert scene.child.is_dismissed


async def test_one_that_leaves_its_place_already_needs_no_successor() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.pong, scene.crew.is_leaving = LATE, True

    async with scene.watched():
        await scene.child.ended()

    assert scene.crew.relieved == []
    assert scene.child.told == [Recall()]


async def test_nobody_is_replaced_while_the_worker_ends() -> None:
    scene = Scene()
    await scene.hold_job(OVERDUE)
    scene.child.pong, scene.crew.is_ending = LATE, True

    async with scene.watched():
        await scene.for_rounds(10)

    assert not scene.child.has_ended


async def test_an_engine_of_processes_has_longer_to_end_its_jobs() -> None:
    scene = Scene(solos=2)
    await scene.hold_job(OVERDUE)
    scene.child.is_silent = True

    async with scene.watched():
        await scene.for_rounds(10)
        assert not scene.child.has_ended
        scene.store.clock.advance(10)
        await scene.child.ended()

    assert scene.child.is_dismissed
