"""One real engine child, led by the test in the supervisor's place."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.running.tree import ROOT, assert_gone
from workmill.running import engine_process
from workmill.running.command import Target
from workmill.running.elapsed import elapsed
from workmill.running.engine_process import EngineProcess
from workmill.running.keeper import Term
from workmill.running.protocol import REFUSED, Bye, Drain, Go
from workmill.running.reaper import Reaper

pytestmark = pytest.mark.slow
Start = Callable[..., EngineProcess]


@pytest.fixture
async def start(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    monkeypatch.setenv("WORKMILL_URL", url)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    reaper, started = Reaper(), []

    def start(name: str = "tests.running.tasks:app", folder: Path = ROOT) -> EngineProcess:
        started.append(EngineProcess(Target(name=name, folder=folder), len(started) + 1, reaper))
        return started[-1]

    with reaper.at_work():
        yield start
        for process in started:
            process.kill()
            await gone(process)


async def gone(process: EngineProcess, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        await process.ended()


async def answered(process: EngineProcess) -> None:
    async with asyncio.timeout(20):
        while process.missed:  # noqa: ASYNC110 - nothing tells of an answer
            await asyncio.sleep(0.005)


def go(seconds: float = 60.0) -> Go:
    now = elapsed()
    term = Term(stop_at=now + seconds, over_at=now + seconds + 1)
    return Go(worker_id="w1", engine=1, queues=None, concurrency=1, term=term)


async def test_a_child_says_hello_works_and_says_bye(start: Start, url: str) -> None:
    process = start()

    hello = await process.hello()
    process.say(go())
    process.say(Drain())
    await gone(process)

    assert hello is not None
    assert hello.url == url
    assert {"add", "stubborn"} <= set(hello.tasks)
    assert process.bye == Bye(returned=0)
    assert process.exit_code == 0


async def test_a_child_that_is_told_to_end_before_it_may_go_ends_in_order(start: Start) -> None:
    process = start()

    process.say(Drain())
    await gone(process)

    assert process.bye == Bye(returned=0)


async def test_a_child_answers_pings_and_writes_its_stack_though_it_never_looks(start: Start) -> None:
    process = start()
    await process.hello()

    process.ping()
    process.ping()
    assert process.missed == 1
    await answered(process)
    await process.write_stack()

    assert (process.missed, process.pong.lag_seconds) == (0, 0.0)
    stack = process.last_stack
    assert '  File "' in stack
    process.kill()
    await gone(process)
    assert process.last_stack == stack, "it wrote no other"
    await process.write_stack()  # Of nobody: no error.


async def test_a_child_tells_how_stacks_show_its_tasks(start: Start) -> None:
    process = start()
    await process.hello()

    assert ("add", str(ROOT / "tests" / "running" / "tasks.py"), "add") in process.codes


async def test_a_killed_child_has_said_nothing(start: Start) -> None:
    process = start()
    assert process.how_it_ended == "it runs"

    process.kill()
    await gone(process)

    assert await process.hello() is None
    assert process.bye is None
    assert process.how_it_ended == "killed by SIGKILL"
    process.say(Drain())  # To nobody: no error.


async def test_a_child_that_cannot_load_its_target_refuses(start: Start) -> None:
    process = start("tests.running.nowhere:app")

    assert await process.hello() is None
    assert process.exit_code == REFUSED


async def test_a_child_that_hangs_while_it_loads_is_killed(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "HELLO_SECONDS", 0.5)
    (tmp_path / "hanging.py").write_text("import threading\nthreading.Event().wait(60)\n")

    process = start("hanging:app", tmp_path)

    async with asyncio.timeout(20):
        assert await process.hello() is None
    assert process.how_it_ended == "killed by SIGKILL"


async def test_a_child_whose_code_closes_the_line_ends(start: Start, tmp_path: Path) -> None:
    (tmp_path / "closing.py").write_text("import os\nos.closerange(3, 256)\n" + "from tests.running.tasks import app\n")

    process = start("closing:app", tmp_path)

    await gone(process)
    assert process.bye is None


async def test_a_child_that_lingers_after_its_bye_is_killed_with_what_it_started(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "EXIT_SECONDS", 0.2)
    (tmp_path / "lingering.py").write_text(
        "import atexit, os, subprocess, threading\n"
        "from tests.running.tasks import app\n"
        "sleeper = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(sleeper.pid))\n"
        "atexit.register(threading.Event().wait, 60)\n"
    )
    process = start("lingering:app", tmp_path)
    await process.hello()

    process.say(go())
    process.say(Drain())
    await gone(process)

    assert process.bye == Bye(returned=0)
    assert process.exit_code == -9
    assert_gone([int((tmp_path / "pid").read_text())], seconds=5)


async def test_a_child_is_deaf_to_the_signals_meant_for_its_supervisor(start: Start) -> None:
    process = start()
    await process.hello()

    os.kill(process.pid, 2)
    os.kill(process.pid, 15)
    process.say(go())
    process.say(Drain())
    await gone(process)

    assert process.bye == Bye(returned=0)
