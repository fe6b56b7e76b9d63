"""The pool with processes that are none: the test decides when they are ready and when they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.running.solos import TARGET
from workmill.running.solo import pool as pool_module
from workmill.running.solo.pool import Pool, SoloFailure
from workmill.running.solo.process import Death
from workmill.running.solo.words import Leave, Message
from workmill.running.wear import NO_LIMITS, Limits


class Solo:
    """What a pool needs of a solo process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.is_heeding = True
        self.told: list[Message] = []
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[Death] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None: ...

    async def ready(self) -> bool:
        return await asyncio.shield(self._ready)

    async def ended(self) -> Death:
        return await asyncio.shield(self._ended)

    def on_end(self, call: Callable[[], None]) -> None:
        self._ended.add_done_callback(lambda _: call())

    def be_ready(self) -> None:
        self._ready.set_result(True)

    def end(self, code: int = -9) -> None:
        self.is_heeding = False
        if not self._ready.done():
            self._ready.set_result(False)
        if not self._ended.done():
            self._ended.set_result(Death(exit_code=code, peak_bytes=0, stack=""))

    def kill(self) -> None:
        self.end()

    def leave(self, message: Message) -> None:
        self.is_heeding = False
        self.told.append(message)
        self.end(0)


class Scene:
    def __init__(self, most: int, limits: Limits) -> None:
        self.solos: list[Solo] = []
        self.pids: list[int] = []
        self.refusals: list[OSError] = []
        self.pool = Pool(TARGET, most, limits=limits, tell=self._note)

    def spawn(self, _target: object) -> Any:
        if self.refusals:
            raise self.refusals.pop()
        self.solos.append(Solo(100 + len(self.solos)))
        return self.solos[-1]

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not is_so():  # noqa: ASYNC110 - it is the loop itself that must turn
                await asyncio.sleep(0)

    async def lent(self, number: int) -> tuple[asyncio.Task[Any], Solo]:
        """Take one that has to be started, and make it ready."""
        taking = asyncio.create_task(self.pool.take())
        await self.until(lambda: len(self.solos) == number)
        self.solos[-1].be_ready()
        return taking, await taking

    def _note(self, pids: Any) -> None:
        self.pids = list(pids)


@asynccontextmanager
async def scene(monkeypatch: pytest.MonkeyPatch, most: int = 2, limits: Limits = NO_LIMITS) -> AsyncIterator[Scene]:
    made = Scene(most, limits)
    monkeypatch.setattr(pool_module, "SoloProcess", made.spawn)
    monkeypatch.setattr(pool_module, "pause_after", lambda _: 0.0)
    try:
        yield made
    finally:
        made.pool.close()
        async with asyncio.timeout(5):
            await made.pool.gone()
        assert made.pids == []


async def test_one_is_started_for_who_waits_and_lent_again_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch) as it:
        _, solo = await it.lent(1)
        it.pool.give_back(solo)  # type: ignore[arg-type] - a fake

        assert await it.pool.take() is solo
        assert it.pids == [100]


async def test_one_that_has_run_enough_jobs_leaves_and_another_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch, most=1, limits=Limits(jobs=2)) as it:
        _, solo = await it.lent(1)
        it.pool.give_back(solo)  # type: ignore[arg-type] - a fake
        assert await it.pool.take() is solo
        waiting = asyncio.create_task(it.pool.take())
        await asyncio.sleep(0)

        it.pool.give_back(solo)  # type: ignore[arg-type] - a fake

        assert solo.told == [Leave()]
        await it.until(lambda: len(it.solos) == 2)
        it.solos[1].be_ready()
        assert await waiting is it.solos[1]
        it.pool.give_back(it.solos[1])  # type: ignore[arg-type] - a fake
        assert it.solos[1].told == []


async def test_one_that_holds_enough_memory_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {100: 50, 101: 50}
    monkeypatch.setattr(pool_module, "resident_of", held.__getitem__)
    async with scene(monkeypatch, limits=Limits(memory=200)) as it:
        _, solo = await it.lent(1)
        held[100] = 300

        it.pool.give_back(solo)  # type: ignore[arg-type] - a fake

        assert solo.told == [Leave()]
        await it.until(lambda: len(it.solos) == 2)  # One is kept warm.


async def test_who_waits_gets_whichever_is_free_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch) as it:
        _, first = await it.lent(1)
        second = asyncio.create_task(it.pool.take())
        await it.until(lambda: len(it.solos) == 2)

        it.pool.give_back(first)  # type: ignore[arg-type] - a fake

        assert await second is first
        it.solos[1].be_ready()
        assert await it.pool.take() is it.solos[1]


async def test_no_more_are_started_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch, most=1) as it:
        _, first = await it.lent(1)
        second = asyncio.create_task(it.pool.take())
        await asyncio.sleep(0)
        assert len(it.solos) == 1

        it.pool.discard(first)  # type: ignore[arg-type] - a fake
        await it.until(lambda: len(it.solos) == 2)
        it.solos[1].be_ready()

        assert await second is it.solos[1]
        assert first.is_heeding is False


async def test_who_gives_up_waiting_leaves_what_it_would_have_got_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch, most=1) as it:
        taking = asyncio.create_task(it.pool.take())
        await it.until(lambda: len(it.solos) == 1)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking

        it.solos[0].be_ready()

        async with asyncio.timeout(5):
            assert await it.pool.take() is it.solos[0]


async def test_idle_ones_leave_but_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "IDLE_SECONDS", 0.01)
    async with scene(monkeypatch) as it:
        _, first = await it.lent(1)
        _, second = await it.lent(2)

        it.pool.give_back(first)  # type: ignore[arg-type] - a fake
        it.pool.give_back(second)  # type: ignore[arg-type] - a fake

        await it.until(lambda: it.pids == [101])
        assert first.told == [Leave()]
        await asyncio.sleep(0.05)  # Longer than it may be idle.
        assert second.is_heeding


async def test_the_last_one_is_replaced_when_it_dies_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch) as it:
        it.pool.warm_up()
        await it.until(lambda: len(it.solos) == 1)
        it.solos[0].be_ready()
        await it.until(lambda: not it.pool._starting)  # noqa: SLF001 - nothing else tells

        it.solos[0].end()

        await it.until(lambda: it.pids == [101])


async def test_one_that_has_just_ended_is_not_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch, most=1) as it:
        _, solo = await it.lent(1)
        it.pool.give_back(solo)  # type: ignore[arg-type] - a fake
        taking = asyncio.create_task(it.pool.take())

        solo.end()  # Who is told of it is told after the taking.
        await it.until(lambda: len(it.solos) == 2)
        it.solos[1].be_ready()

        assert await taking is it.solos[1]


async def test_starts_are_tried_again_whatever_they_failed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch) as it:
        it.refusals.append(OSError("no more processes"))
        taking = asyncio.create_task(it.pool.take())
        await it.until(lambda: len(it.solos) == 1)

        it.solos[0].end(3)
        await it.until(lambda: len(it.solos) == 2)
        it.solos[1].be_ready()

        assert await taking is it.solos[1]


async def test_three_failed_starts_in_a_row_are_an_error_of_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch, most=1) as it:
        taking = asyncio.create_task(it.pool.take())
        for count in (1, 2, 3):
            await it.until(lambda: len(it.solos) == count)  # noqa: B023 - awaited within the round
            it.solos[-1].end(3)

        with pytest.raises(SoloFailure, match="it ended before it was ready: ended by itself with exit code 3"):
            await taking


async def test_closing_kills_what_is_lent_and_lets_the_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(monkeypatch) as it:
        _, first = await it.lent(1)
        _, second = await it.lent(2)
        it.pool.give_back(second)  # type: ignore[arg-type] - a fake

        it.pool.close()

        assert second.told == [Leave()]
        assert first.told == []
        await it.until(lambda: it.pids == [])
