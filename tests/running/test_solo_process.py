"""One real solo process, led by the test in its engine's place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.running.solos import TARGET
from tests.running.tree import assert_gone
from workmill.running.command import Target
from workmill.running.protocol import REFUSED
from workmill.running.solo import process as process_module
from workmill.running.solo.process import SoloProcess
from workmill.running.solo.words import Leave

pytestmark = pytest.mark.slow
Start = Callable[..., SoloProcess]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    started: list[SoloProcess] = []

    def start(target: Target = TARGET) -> SoloProcess:
        started.append(SoloProcess(target))
        return started[-1]

    yield start
    async with asyncio.timeout(20):
        for solo in started:
            solo.kill()
            await solo.ended()


async def test_a_process_that_is_told_to_leave_exits_in_order(start: Start) -> None:
    solo = start()
    await solo.connect()

    assert await solo.ready()
    solo.leave(Leave())

    async with asyncio.timeout(20):
        death = await solo.ended()
    assert (death.exit_code, death.stack) == (0, "")
    assert death.peak_bytes > 1_000_000
    assert not solo.is_heeding
    solo.say(Leave())  # To nobody: no error.


async def test_a_process_that_takes_too_long_to_leave_is_killed_with_what_it_started(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "LEAVE_SECONDS", 0.2)
    (tmp_path / "lingering.py").write_text(
        "import atexit, subprocess, threading\n"
        "from workmill import App\n"
        "app = App('memory://')\n"
        "sleeper = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(sleeper.pid))\n"
        "atexit.register(threading.Event().wait, 60)\n"
    )
    solo = start(Target(name="lingering:app", folder=tmp_path))
    await solo.connect()
    await solo.ready()

    solo.leave(Leave())

    async with asyncio.timeout(20):
        assert (await solo.ended()).exit_code == -9
    assert_gone([int((tmp_path / "pid").read_text())], seconds=5)


async def test_a_process_that_cannot_load_its_target_is_never_ready(start: Start, tmp_path: Path) -> None:
    solo = start(Target(name="nowhere:app", folder=tmp_path))
    await solo.connect()

    assert not await solo.ready()
    assert (await solo.ended()).exit_code == REFUSED


async def test_a_process_that_hangs_while_it_loads_is_killed(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "READY_SECONDS", 0.5)
    (tmp_path / "hanging.py").write_text("import threading\nthreading.Event().wait(60)\n")
    solo = start(Target(name="hanging:app", folder=tmp_path))
    await solo.connect()

    assert not await solo.ready()
    assert (await solo.ended()).how == "killed by SIGKILL"


async def test_a_process_dies_with_the_line_to_its_engine(start: Start) -> None:
    solo = start()
    await solo.connect()
    await solo.ready()

    solo._line.shutdown(2)  # noqa: SLF001 - as when the engine is gone

    async with asyncio.timeout(20):
        assert (await solo.ended()).how == "killed by SIGKILL"


async def test_what_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "command", lambda *_: ["/nowhere/python"])

    with pytest.raises(OSError, match="/nowhere/python"):  # An open file would be a warning, and that an error.
        SoloProcess(TARGET)
