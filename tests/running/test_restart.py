"""New engines in real process trees: by HUP, and what becomes of the jobs that run meanwhile."""

import http.client
import os
import pty
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.running.tree import Tree, assert_gone, tree
from workmill import App, JobState
from workmill.words.job import Ending

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]

PROGRAM = """
from tests.running.tasks import application, say

app = application()

@app.task
def version() -> str:
    return "{version}"
"""


def write(folder: Path, version: str, *, more: str = "") -> None:
    """Write the program whole at once, with a modification time of its own."""
    made, main = folder / "main.new", folder / "main.py"
    made.write_text(PROGRAM.format(version=version) + more)
    # Python takes compiled code for that of a file of the same size and the same second.
    before = main.stat().st_mtime if main.exists() else 0.0
    moment = max(made.stat().st_mtime, before + 2)
    os.utime(made, (moment, moment))
    made.replace(main)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    write(folder, "old")
    return folder


@pytest.fixture
def worker(folder: Path, url: str) -> Iterator[Tree]:
    with tree(url, target="main:app", folder=folder) as it:
        it.until("WorkerStarted")
        yield it


def known_elsewhere() -> str:
    raise AssertionError("only the worker runs this")


def version(app: App) -> object:
    """Ask the worker which code it runs."""
    task = app.tasks.get("version") or app.task(name="version")(known_elsewhere)
    return task.enqueue().result(timeout=20)


def becomes(app: App, wanted: str) -> bool:
    """Ask until the code is the wanted one: the engine that leaves may take a last job before it hears that it does."""
    deadline = time.monotonic() + 20
    while version(app) != wanted and time.monotonic() < deadline:
        continue
    return version(app) == wanted


def test_hup_brings_new_code_and_lets_what_runs_finish(app: App, worker: Tree, folder: Path, gate: Path) -> None:
    running = app.tasks["stubborn"].enqueue(str(gate))
    engine = worker.pid_that_says("running stubborn")
    write(folder, "new")

    worker.signal(signal.SIGHUP)
    worker.until(rf"EngineRelieved .* pid={engine} .*why=SIGHUP")

    assert becomes(app, "new")
    assert engine in worker.children()
    gate.touch()
    assert running.result(timeout=20) == 1
    assert_gone([engine], seconds=10)
    assert len(worker.until("WorkerStarted")) == 1, "the lease is the same"


def test_what_outlasts_the_grace_of_a_restart_goes_back_uncounted(app: App, folder: Path, url: str, gate: Path) -> None:
    with tree(url, target="main:app", folder=folder, grace=0.05) as worker:
        jobs = [app.tasks[name].enqueue(str(gate)) for name in ("patient", "stubborn")]
        worker.until("running patient|running stubborn", times=2)

        worker.signal(signal.SIGHUP)

        worker.until("running patient|running stubborn", times=4)
        gate.touch()
        assert jobs[1].result(timeout=20) == 1
        for job in jobs:
            assert job.refresh(wait=20).state is JobState.SUCCEEDED
            assert [attempt.ending for attempt in job.attempts()] == [Ending.RETURNED, Ending.SUCCEEDED]
            assert job.record.deaths == 0


def test_a_stuck_engine_too_makes_room_for_new_code(app: App, folder: Path, url: str) -> None:
    with tree(url, target="main:app", folder=folder, grace=0.05, concurrency=1) as worker:
        job = app.tasks["locking"].enqueue()
        engine = worker.pid_that_says("running locking")

        worker.signal(signal.SIGHUP)

        assert_gone([engine], seconds=20)
        worker.until("running locking", times=2)
        record = job.refresh().record
        assert (record.attempt, record.deaths) == (1, 0)
        assert "EngineDied" not in worker.output


def test_health_is_answered_while_an_engine_is_stuck_and_replaced(app: App, folder: Path, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tree(url, target="main:app", folder=folder, grace=0.05, concurrency=1, health=f":{port}") as worker:
        app.tasks["locking"].enqueue()
        engine = worker.pid_that_says("running locking")
        answers = [status(port, "livez"), status(port, "readyz")]

        worker.signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while Path(f"/proc/{engine}").exists() and time.monotonic() < deadline:
            answers += [status(port, "livez"), status(port, "readyz")]

        assert set(answers) == {200}
        assert not Path(f"/proc/{engine}").exists()


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with closing(connection):
        connection.request("GET", f"/{path}")
        return connection.getresponse().status


def test_code_that_cannot_be_loaded_changes_nothing(app: App, worker: Tree, folder: Path) -> None:
    before = worker.children()
    write(folder, "broken", more="\nraise RuntimeError('half written')\n")

    worker.signal(signal.SIGHUP)
    worker.until("EngineKept .*exit code 3 before it was ready")

    assert "half written" in worker.output
    assert version(app) == "old"
    assert worker.children() == before
    write(folder, "mended")
    worker.signal(signal.SIGHUP)
    worker.until("EngineRelieved")
    assert becomes(app, "mended")


def test_tasks_that_new_code_brings_are_known_to_all(app: App, worker: Tree, folder: Path) -> None:
    more = "\n@app.task(process=True)\ndef alone() -> str:\n    say('running alone')\n    return 'alone'\n"
    write(folder, "new", more=more)

    worker.signal(signal.SIGHUP)
    worker.until("EngineRelieved")
    job = app.task(name="alone")(known_elsewhere).enqueue()

    assert job.result(timeout=20) == "alone"
    (listed,) = app.workers()
    assert "alone" in listed.tasks


def test_a_restart_of_the_worker_restarts_what_runs_beside_it(folder: Path, url: str) -> None:
    beside = {"web": ["sh", "-c", "echo extra $$; exec sleep 60"]}
    with tree(url, target="main:app", folder=folder, extras=beside) as it:
        first = it.pid_that_says("extra")
        it.until("WorkerStarted")

        it.signal(signal.SIGHUP)
        second = int(it.until(r"extra (\d+)", times=2)[1][1])

        assert_gone([first], seconds=10)
        assert second in it.children()
        it.signal(signal.SIGTERM)
        assert it.ended() == 0


def test_a_worker_whose_terminal_is_closed_ends(url: str) -> None:
    master, slave = pty.openpty()
    # The first terminal that the leader of a session opens is the session's own.
    takes = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
    with tree(url, sys.executable, "-c", takes, os.ttyname(slave)) as worker:
        worker.until("WorkerStarted")

        os.close(slave)
        os.close(master)

        worker.until("WorkerStopping .*why=SIGHUP, the terminal is gone")
        assert worker.ended() == 0


def test_a_change_of_the_sources_brings_new_code(app: App, folder: Path, url: str) -> None:
    with tree(url, target="main:app", folder=folder, reload=True) as worker:
        worker.until("WorkerStarted")
        assert version(app) == "old"

        write(folder, "broken", more="\nthis is no Python\n")
        worker.until("EngineKept")
        assert version(app) == "old"
        write(folder, "new")
        worker.until("EngineRelieved .*why=main.py changed")

        assert becomes(app, "new")


def test_a_worker_that_reloads_waits_for_code_that_can_be_loaded(app: App, folder: Path, url: str) -> None:
    with tree(url, target="main:app", folder=folder, reload=True) as worker:
        worker.until("WorkerStarted")
        write(folder, "broken", more="\nthis is no Python\n")
        worker.until("EngineKept")

        app.tasks["deadly"].enqueue()
        worker.until("WorkerStopping .*cannot be loaded")
        write(folder, "new")

        worker.until("WorkerStarted", times=2)
        assert becomes(app, "new")
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0


def test_hup_means_nothing_to_a_worker_that_drains(app: App, worker: Tree, gate: Path) -> None:
    running = app.tasks["stubborn"].enqueue(str(gate))
    worker.until("running stubborn")

    worker.signal(signal.SIGTERM)
    worker.until("WorkerStopping")
    worker.signal(signal.SIGHUP)
    worker.signal(signal.SIGHUP)
    gate.touch()

    assert worker.ended() == 0
    assert running.refresh().state is JobState.SUCCEEDED
    assert "Traceback" not in worker.output
    assert "EngineRelieved" not in worker.output
