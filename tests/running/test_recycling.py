"""When engines are worn, and how often they are replaced: a crew that only keeps count."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running.fakes import Kept, Time
from tests.running.tree import assert_gone, tree
from workmill import App
from workmill.running import wear
from workmill.running.protocol import Pong
from workmill.running.recycling import Recycling
from workmill.running.wear import Limits, Wear, resident_of
from workmill.words.events import EngineWornEarly

MB = 1_000_000


class Engine:
    def __init__(self, number: int, *, solos: int = 0) -> None:
        self.number = number
        self.pid = 1000 + number
        self.solos = solos
        self.pong = Pong()


def engine(number: int, *, solos: int = 0) -> Any:
    return Engine(number, solos=solos)


class Scene:
    """One crew, time that is the test's, and memory by process id."""

    def __init__(self, limits: Limits, *engines: Any) -> None:
        self.time = Time()
        self.events = Kept()
        self.at_work: list[Any] = list(engines)
        self.left: list[Any] = []
        self.relieved: list[tuple[int, str]] = []
        self.can_start = True
        self.memory: Callable[[int], int] = lambda _pid: 100 * MB
        self.limits = limits

    @property
    def present(self) -> list[Any]:
        return [*self.at_work, *self.left]

    def hold(self, pid: int) -> int:
        return self.memory(pid)

    async def relieve(self, process: Any, *, why: str, grace_seconds: float | None) -> Any:
        assert grace_seconds is None, "what runs is finished"
        self.relieved.append((process.number, why))
        if not self.can_start:
            return None
        successor = engine(process.number + 10)
        self.at_work[self.at_work.index(process)] = successor
        return successor

    async def pass_by(self, seconds: int) -> None:
        """Let so many looks be made, a second apart."""
        looks = asyncio.Event()
        wanted = len(self.time.slept) + seconds

        async def sleep(pause: float) -> None:
            if len(self.time.slept) == wanted:
                looks.set()
                await asyncio.Event().wait()
            await self.time.sleep(pause)

        self.recycling._sleep = sleep  # noqa: SLF001 - a new sleep for each span of time
        keeping = asyncio.create_task(self.recycling.keep())
        async with asyncio.timeout(5):
            await looks.wait()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    def start(self) -> "Scene":
        crew: Any = self
        self.recycling = Recycling(
            crew,
            self.limits,
            worker_id="w1",
            emit=self.events.append,
            memory_of=self.hold,
            clock=self.time,
        )
        return self


async def test_without_limits_nobody_looks() -> None:
    scene = Scene(Limits(), engine(1)).start()

    async with asyncio.timeout(5):
        await scene.recycling.keep()


async def test_an_engine_that_has_run_enough_jobs_is_relieved() -> None:
    worn, fresh = engine(1), engine(2)
    worn.pong, fresh.pong = Pong(jobs=5), Pong(jobs=4)
    scene = Scene(Limits(jobs=5), worn, fresh).start()

    await scene.pass_by(2)

    assert scene.relieved == [(1, "it has run 5 jobs")]
    assert scene.events == []


async def test_an_engine_that_holds_enough_memory_is_relieved() -> None:
    scene = Scene(Limits(memory=200 * MB), engine(1), engine(2)).start()
    await scene.pass_by(60)
    scene.memory = lambda pid: (300 if pid == 1001 else 100) * MB

    await scene.pass_by(5)

    assert scene.relieved == [(1, "it holds 300 MB, and 200 MB are allowed")]
    assert scene.events == []


async def test_a_limit_that_a_fresh_engine_exceeds_replaces_ever_fewer_and_is_said() -> None:
    scene = Scene(Limits(memory=50 * MB), engine(1)).start()

    await scene.pass_by(600)

    # After 1, 11, 31, 71, 151 and 311 seconds, about.
    assert 5 <= len(scene.relieved) <= 7
    warned = [event.least_seconds for event in scene.events.of(EngineWornEarly)]
    assert warned == [10, 20, 40, 80, 160, 320][: len(warned)]
    assert len(warned) == len(scene.relieved)


async def test_one_that_runs_many_short_jobs_is_relieved_every_ten_seconds_at_most() -> None:
    scene = Scene(Limits(jobs=1), engine(1)).start()
    relieve = scene.relieve

    async def busy(process: Any, **said: Any) -> Any:
        successor = await relieve(process, **said)
        successor.pong = Pong(jobs=1000)
        return successor

    scene.relieve = busy
    scene.at_work[0].pong = Pong(jobs=1000)

    await scene.pass_by(31)

    assert 3 <= len(scene.relieved) <= 4
    assert scene.events == []


async def test_one_without_a_successor_is_left_alone_for_a_while() -> None:
    scene = Scene(Limits(jobs=1), engine(1)).start()
    scene.at_work[0].pong = Pong(jobs=1)
    scene.can_start = False

    await scene.pass_by(9)

    assert len(scene.relieved) == 1


async def test_nobody_is_relieved_while_as_many_still_leave_as_work() -> None:
    scene = Scene(Limits(jobs=1), engine(1)).start()
    scene.at_work[0].pong = Pong(jobs=1)
    scene.left = [engine(9)]

    await scene.pass_by(5)

    assert scene.relieved == []


async def test_the_engine_of_process_tasks_is_left_alone() -> None:
    solo = engine(1, solos=4)
    solo.pong = Pong(jobs=100)
    scene = Scene(Limits(jobs=1), solo).start()

    await scene.pass_by(5)

    assert scene.relieved == []


def test_limits_say_what_is_reached() -> None:
    limits = Limits(jobs=2, memory=200 * MB)

    assert limits.wear(1, lambda: 199 * MB) is None
    assert limits.wear(2, lambda: 0) == (Wear.JOBS, "it has run 2 jobs")
    assert limits.wear(1, lambda: 200 * MB) == (Wear.MEMORY, "it holds 200 MB, and 200 MB are allowed")
    assert Limits().wear(10**9, lambda: 10**15) is None


def test_memory_is_what_the_process_holds_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert MB < resident_of(os.getpid()) < 10_000 * MB
    assert resident_of(2**22 + 1) == 0

    monkeypatch.setattr(wear, "PROC", tmp_path / "nowhere")
    if shutil.which("/bin/ps"):
        assert MB < resident_of(os.getpid()) < 10_000 * MB
    assert resident_of(2**22 + 1) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it follows a process tree")
def test_a_worn_engine_makes_room_and_no_job_is_lost(app: App, url: str, gate: Path) -> None:
    with tree(url, concurrency=2, max_jobs=5) as worker:
        running = app.tasks["stubborn"].enqueue(str(gate))
        engine = worker.pid_that_says("running stubborn")
        jobs = [app.tasks["add"].enqueue(number, 1) for number in range(20)]

        worker.until(rf"EngineRelieved .* pid={engine} .*why=it has run")

        assert [job.result(timeout=20) for job in jobs] == [number + 1 for number in range(20)]
        gate.touch()
        assert running.result(timeout=20) == 1
        assert_gone([engine], seconds=10)
        assert all(len(job.attempts()) == 1 for job in (running, *jobs))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it follows a process tree")
def test_a_limit_below_what_the_application_takes_is_said(app: App, url: str) -> None:
    with tree(url, max_memory="1MB") as worker:
        worker.until("EngineWornEarly .*1 MB are allowed least_seconds=10")
        worker.until("EngineRelieved")

        assert app.tasks["add"].enqueue(1, 2).result(timeout=20) == 3
