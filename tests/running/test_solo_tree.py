"""Real worker trees with process tasks: who runs what, and what is left when something dies."""

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.running.solo_tasks import app
from tests.running.tree import DEADLINE_SECONDS, Tree, assert_gone, children_of, kill, program, tree
from workmill import App, Ending, JobState

TARGET = "tests.running.solo_tasks:app"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]


@pytest.fixture
def solo_app(url: str) -> Iterator[App]:
    with app.elsewhere(url), app:
        yield app


def until_word(worker: Tree, file: Path) -> list[int]:
    """Wait for what a task leaves in a file."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, worker.output
        time.sleep(0.005)
    return [int(pid) for pid in file.read_text().split()]


def test_process_tasks_and_others_run_in_processes_of_their_own_kind(solo_app: App, url: str) -> None:
    with tree(url, target=TARGET, solos=1) as worker:
        plain = solo_app.tasks["plain"].enqueue().result(timeout=30)
        solo = solo_app.tasks["own_process"].enqueue().result(timeout=30)

        engines = worker.children()
        assert len(engines) == 2
        assert plain in engines
        assert [children_of(engine) for engine in engines if engine != plain] == [[solo]]
        assert worker.until("WorkerStarted .*concurrency=5")

        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
        assert_gone([solo], seconds=0)


def test_a_second_term_gives_back_what_a_solo_process_runs(solo_app: App, url: str, tmp_path: Path) -> None:
    with tree(url, target=TARGET, solos=1) as worker:
        job = solo_app.tasks["starting"].enqueue(str(tmp_path / "word"))
        mine = until_word(worker, tmp_path / "word")

        worker.signal(signal.SIGTERM)
        worker.until("WorkerStopping")
        worker.signal(signal.SIGTERM)

        assert worker.ended() == 0
        assert_gone(mine, seconds=1)
    record = job.refresh().record
    assert (record.state, record.attempt) == (JobState.QUEUED, 0)


@pytest.mark.parametrize("task", ["starting", "matching"])
def test_what_solo_processes_run_ends_with_a_killed_engine(solo_app: App, url: str, tmp_path: Path, task: str) -> None:
    with tree(url, target=TARGET, solos=1) as worker:
        solo_app.tasks[task].enqueue(str(tmp_path / "word"))
        mine = until_word(worker, tmp_path / "word")
        (engine,) = [each for each in worker.children() if mine[0] in children_of(each)]

        kill(engine)

        assert_gone(mine, seconds=1)
        worker.until(rf"EngineDied .*pid={engine} how=killed by SIGKILL")
        worker.until("JobsRescued")


@pytest.mark.parametrize("task", ["starting", "matching"])
def test_what_solo_processes_run_ends_with_a_killed_supervisor(
    solo_app: App, url: str, tmp_path: Path, task: str
) -> None:
    with tree(url, target=TARGET, solos=1) as worker:
        solo_app.tasks[task].enqueue(str(tmp_path / "word"))
        mine = until_word(worker, tmp_path / "word")
        children = worker.children()

        kill(worker.pid)

        assert_gone([*mine, *children], seconds=3)


@pytest.mark.parametrize("dies", [False, True])
def test_a_job_ends_itself_in_a_transaction_of_its_own(url: str, tmp_path: Path, dies: bool) -> None:  # noqa: FBT001 - a parameter of the test
    joined, file = f"{url}?driver=sqlite3", tmp_path / "jobs.db"
    with app.elsewhere(joined), app, tree(joined, target=TARGET, solos=1, log_level="info") as worker:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE done (attempt INTEGER)")

        job = app.tasks["finishing"].enqueue(str(file), dies)

        assert job.result(timeout=30) == "stored"
        worker.until(f"{job.id} finishing succeeded")
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT attempt FROM done").fetchall() == [(1,)]
        assert [attempt.ending for attempt in job.attempts()] == [Ending.SUCCEEDED]
        assert "refused" not in worker.output


def test_ctrl_c_reaches_no_solo_process(solo_app: App, url: str, tmp_path: Path) -> None:
    with tree(url, target=TARGET, solos=1) as worker:
        job = solo_app.tasks["until_word"].enqueue(str(tmp_path / "word"), str(tmp_path / "gate"))
        (solo,) = until_word(worker, tmp_path / "word")

        os.killpg(worker.pid, signal.SIGINT)
        os.kill(solo, signal.SIGINT)
        worker.until("WorkerStopping .*why=SIGINT")
        (tmp_path / "gate").touch()

        assert worker.ended() == 0
        assert job.refresh().state is JobState.SUCCEEDED


def test_a_worker_inside_a_program_refuses_process_tasks(url: str) -> None:
    with program("from tests.running.solo_tasks import app; app.run_worker()", url) as it:
        assert it.ended() == 1
    it.until("ConfigError: a worker inside a program .*process=True on add, .*`workmill worker module:app`")


def test_a_drain_runs_process_tasks_in_a_thread(solo_app: App) -> None:
    job = solo_app.tasks["own_process"].enqueue()

    assert solo_app.drain() == 1
    assert job.refresh().result() == os.getpid()
