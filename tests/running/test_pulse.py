"""How an engine's loop does, and who keeps it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.running.engines import Workshop
from workmill.running.protocol import Pong
from workmill.running.pulse import Attendance, Pulse

LONG_SECONDS = 20.0


class Gates:
    def __init__(self) -> None:
        self.begun = threading.Event()
        self.over = threading.Event()


@pytest.fixture
def gates() -> Iterator[Gates]:
    gates = Gates()
    yield gates
    gates.over.set()


async def until_begun(gates: Gates) -> None:
    assert await asyncio.to_thread(gates.begun.wait, LONG_SECONDS)


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


async def test_a_loop_that_turns_has_no_lag() -> None:
    pulse = Pulse(asyncio.get_running_loop())

    assert pulse.take() == Pong()
    await asyncio.sleep(0)
    assert pulse.take() == Pong()


async def test_a_loop_that_does_not_turn_lags_and_the_stack_shows_why() -> None:
    clock = Clock()
    pulse = Pulse(asyncio.get_running_loop(), clock=clock)
    pulse.take()
    clock.now += 3

    pong = pulse.take()

    assert (pong.lag_seconds, pong.has_overstayed) == (3.0, False)
    assert "pong = pulse.take()" in pong.stack


def test_a_closed_loop_has_no_lag() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    pulse = Pulse(loop)

    assert [pulse.take().lag_seconds for _ in range(2)] == [0.0, 0.0]


async def test_the_job_whose_code_keeps_the_loop_is_named() -> None:
    shop, clock, pongs = Workshop(), Clock(), list[Pong]()
    pulse = Pulse(asyncio.get_running_loop(), clock=clock)

    @shop.app.task
    async def blocking() -> None:
        pulse.take()
        clock.now += 2
        asker = threading.Thread(target=lambda: pongs.append(pulse.take()))
        asker.start()
        asker.join(LONG_SECONDS)

    async with shop.working() as engine:
        pulse.watch(engine.runs, Attendance(5.0, clock=clock))
        job = await blocking.aenqueue()
        await shop.until_settled(1)

    (pong,) = pongs
    assert (pong.lag_seconds, pong.job_id, pong.task) == (2.0, job.id, "blocking")
    assert "in blocking\n" in pong.stack
    assert "executor.py" not in pong.stack


async def test_a_function_past_its_limit_has_overstayed_after_the_grace_and_its_thread_is_shown(gates: Gates) -> None:
    shop, clock = Workshop(), Clock()
    pulse = Pulse(asyncio.get_running_loop(), clock=clock)

    @shop.app.task(timeout=60)
    def staying() -> None:
        gates.begun.set()
        gates.over.wait(LONG_SECONDS)

    async with shop.working() as engine:
        pulse.watch(engine.runs, Attendance(5.0, clock=clock))
        job = await staying.aenqueue()
        await until_begun(gates)
        await asyncio.sleep(0)
        assert not pulse.take().has_overstayed
        clock.now += 65.0
        await asyncio.sleep(0)
        assert not pulse.take().has_overstayed
        clock.now += 0.1
        await asyncio.sleep(0)

        pong = pulse.take()

        assert pong.has_overstayed
        assert f"job {job.id} staying:" in pong.stack
        assert "gates.over.wait(LONG_SECONDS)" in pong.stack
        assert "threads.py" not in pong.stack
        gates.over.set()
        await shop.until_settled(1)


async def test_what_is_forced_to_end_has_no_grace() -> None:
    shop, begun = Workshop(), asyncio.Event()

    @shop.app.task
    async def staying() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with shop.working() as engine:
        await staying.aenqueue()
        await begun.wait()
        ((run, _),) = engine.runs()
        attendance = Attendance(1e6)
        assert attendance.overstayed([run]) == []

        run.is_forced = True

        assert attendance.overstayed([run]) == [run]


async def test_a_coroutine_that_was_asked_to_end_has_overstayed_after_the_grace_and_what_it_awaits_is_shown() -> None:
    shop, clock, begun, over = Workshop(), Clock(), asyncio.Event(), asyncio.Event()
    pulse = Pulse(asyncio.get_running_loop(), clock=clock)

    async def deeper() -> None:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()

    @shop.app.task
    async def swallowing() -> None:
        begun.set()
        await deeper()

    async with shop.working() as engine:
        pulse.watch(engine.runs, Attendance(5.0, clock=clock))
        job = await swallowing.aenqueue()
        async with asyncio.timeout(LONG_SECONDS):
            await begun.wait()
        clock.now += 1e6
        assert not pulse.take().has_overstayed
        await asyncio.sleep(0)
        engine.recall()
        await asyncio.sleep(0)
        assert not pulse.take().has_overstayed
        await asyncio.sleep(0)
        clock.now += 5.1

        pong = pulse.take()

        assert pong.has_overstayed
        assert f"job {job.id} swallowing:" in pong.stack
        assert "await over.wait()" in pong.stack
        assert "executor.py" not in pong.stack
        over.set()
        await shop.until_settled(1)
