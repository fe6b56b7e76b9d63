"""Real process trees on a real database: signals, deaths, and who gets the jobs."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.running.tree import Tree, assert_gone, children_of, kill, program, send, tree
from workmill import App, JobHandle, JobState
from workmill.words.job import Ending

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]


@pytest.fixture
def worker(url: str) -> Iterator[Tree]:
    with tree(url) as it:
        yield it


def enqueue(app: App, task: str, *args: object) -> JobHandle[object]:
    return app.tasks[task].enqueue(*args)


def endings(job: JobHandle[object]) -> list[Ending]:
    return [attempt.ending for attempt in job.attempts()]


def assert_given_back(job: JobHandle[object]) -> None:
    record = job.refresh().record
    assert (record.state, record.attempt, record.deaths) == (JobState.QUEUED, 0, 0)
    assert endings(job) == [Ending.RETURNED]


@pytest.mark.usefixtures("worker")
def test_a_job_is_run(app: App) -> None:
    job = enqueue(app, "add", 1, 2)

    assert job.result(timeout=20) == 3


def test_term_lets_what_runs_finish_and_takes_no_more(app: App, url: str, gate: Path) -> None:
    # One slot, and it is taken: what comes later cannot be claimed before the engine has heard that it drains.
    with tree(url, concurrency=1) as worker:
        running = enqueue(app, "stubborn", str(gate))
        worker.until("running stubborn")
        later = enqueue(app, "add", 1, 2)

        worker.signal(signal.SIGTERM)
        worker.until("WorkerStopping .*why=SIGTERM")
        gate.touch()

        assert worker.ended() == 0
        assert running.refresh().state is JobState.SUCCEEDED
        assert later.refresh().state is JobState.QUEUED
        assert "WorkerStopped" in worker.output


def test_a_second_term_gives_back_uncounted_even_what_does_not_heed_it(app: App, worker: Tree, gate: Path) -> None:
    jobs = [enqueue(app, task, str(gate)) for task in ("stubborn", "heedful", "patient")]
    for task in ("stubborn", "heedful", "patient"):
        worker.until(f"running {task}")

    worker.signal(signal.SIGTERM)
    worker.until("WorkerStopping")
    worker.signal(signal.SIGTERM)

    assert worker.ended() == 0
    worker.until("WorkerStopped .*returned=3")
    for job in jobs:
        assert_given_back(job)


def test_a_second_term_gives_back_what_a_stuck_engine_holds(app: App, worker: Tree) -> None:
    job = enqueue(app, "locking")
    worker.until("running locking")

    worker.signal(signal.SIGTERM)
    worker.until("WorkerStopping")
    worker.signal(signal.SIGTERM)

    assert worker.ended() == 0
    assert_given_back(job)


def test_a_drain_that_outlasts_the_grace_stops(app: App, url: str, gate: Path) -> None:
    job = enqueue(app, "patient", str(gate))
    with tree(url, grace=0.05) as worker:
        worker.until("running patient")

        worker.signal(signal.SIGTERM)

        assert worker.ended() == 0
    assert_given_back(job)


def test_ctrl_c_reaches_the_supervisor_alone(app: App, worker: Tree, gate: Path) -> None:
    job = enqueue(app, "starting", str(gate))
    worker.until("running starting")

    os.killpg(worker.pid, signal.SIGINT)
    worker.until("WorkerStopping .*why=SIGINT")
    gate.touch()

    assert worker.ended() == 0
    assert job.refresh().state is JobState.SUCCEEDED


def test_a_killed_engine_costs_its_own_jobs_a_death_and_the_others_nothing(app: App, url: str, gate: Path) -> None:
    with tree(url, engines=2, concurrency=1, lease=600) as worker:
        jobs = [enqueue(app, "stubborn", str(gate)) for _ in range(2)]
        victim, other = (int(match[1]) for match in worker.until(r"running stubborn (\d+)", times=2))

        kill(victim)
        worker.until(rf"EngineDied .*pid={victim} how=killed by SIGKILL")
        worker.until(r"running stubborn (\d+)", times=3)
        gate.touch()

        assert sorted(job.result(timeout=20) for job in jobs) == [1, 2]
        died, spared = sorted((job.refresh() for job in jobs), key=lambda job: -job.record.attempt)
        assert (died.record.deaths, endings(died)) == (1, [Ending.INTERRUPTED, Ending.SUCCEEDED])
        assert "killed by SIGKILL" in died.attempts()[0].failure.message
        assert (spared.record.deaths, endings(spared)) == (0, [Ending.SUCCEEDED])
        assert other in worker.children()


@pytest.mark.usefixtures("worker")
def test_a_job_that_kills_its_engine_is_put_aside_with_the_evidence(app: App) -> None:
    job = enqueue(app, "deadly")

    record = job.refresh(wait=20).record

    assert (record.state, record.deaths) == (JobState.FAILED, 3)
    assert "killed by SIGKILL" in record.failure.message
    assert enqueue(app, "add", 1, 2).result(timeout=20) == 3


def test_a_killed_engine_takes_what_its_tasks_started_with_it(app: App, worker: Tree, gate: Path) -> None:
    enqueue(app, "starting", str(gate))
    sleeper = worker.pid_that_says("running starting")

    kill(worker.children()[0])

    assert_gone([sleeper], seconds=5)


def test_children_of_a_killed_supervisor_give_their_jobs_back_and_end_within_a_second(
    app: App, url: str, gate: Path
) -> None:
    with tree(url, engines=2, concurrency=2, extras={"sleep": ["sh", "-c", "echo extra; exec sleep 60"]}) as worker:
        jobs = [enqueue(app, task, str(gate)) for task in ("stubborn", "heedful", "patient", "patient")]
        worker.until("running", times=4)
        worker.until("extra")
        children = worker.children()

        kill(worker.pid)

        assert_gone(children, seconds=1.5)
        assert len(children) == 3
    for job in jobs:
        assert_given_back(job)


@pytest.mark.parametrize("task", ["blocking", "locking"])
def test_a_stuck_engine_too_ends_with_a_killed_supervisor(app: App, worker: Tree, gate: Path, task: str) -> None:
    enqueue(app, task, *([str(gate)] if task == "blocking" else []))
    worker.until(f"running {task}")
    children = worker.children()

    kill(worker.pid)

    assert_gone(children, seconds=2)


def test_a_tree_killed_whole_is_rescued_when_its_lease_ends(app: App, url: str, gate: Path) -> None:
    job = enqueue(app, "stubborn", str(gate))
    with tree(url, lease=2) as first:
        first.until("running stubborn")
        first.kill()

    with tree(url, lease=2) as second:
        second.until(f"JobsRescued .*{job.id}")
        second.until("running stubborn")
        gate.touch()

        assert job.result(timeout=20) == 2
    assert job.refresh().record.deaths == 1
    assert endings(job) == [Ending.INTERRUPTED, Ending.SUCCEEDED]


def test_two_workers_share_the_work(app: App, url: str, gate: Path) -> None:
    with tree(url, concurrency=1) as first, tree(url, concurrency=1) as second:
        jobs = [enqueue(app, "stubborn", str(gate)) for _ in range(2)]

        for each in (first, second):
            each.until("running stubborn")
        gate.touch()

        assert [job.result(timeout=20) for job in jobs] == [1, 1]
        assert len({job.refresh().record.worker for job in jobs}) == 2


def test_a_frozen_supervisor_loses_its_lease_and_begins_anew(app: App, url: str, gate: Path) -> None:
    with tree(url, lease=1.5) as worker:
        job = enqueue(app, "stubborn", str(gate))
        engine = worker.pid_that_says("running stubborn")

        worker.signal(signal.SIGSTOP)
        assert_gone([engine], seconds=10)
        worker.signal(signal.SIGCONT)

        worker.until("WorkerLeaseLost")
        worker.until("WorkerStarted", times=2)
        worker.until("running stubborn", times=2)
        gate.touch()
        job.result(timeout=20)


def test_a_frozen_tree_runs_nothing_when_it_thaws_after_its_lease(app: App, url: str, gate: Path) -> None:
    job = enqueue(app, "stubborn", str(gate))
    with tree(url, lease=1.5) as frozen:
        frozen.until("running stubborn")
        everyone = [frozen.pid, *frozen.children()]
        with tree(url, lease=1.5) as other:
            other.until("WorkerStarted")

            for pid in everyone:
                os.kill(pid, signal.SIGSTOP)
            other.until("running stubborn")
            for pid in everyone:
                send(pid, signal.SIGCONT)  # One that thaws first may have killed the next.

            assert_gone(everyone[1:], seconds=5)
            gate.touch()
            assert job.result(timeout=20) == 2
    assert endings(job) == [Ending.INTERRUPTED, Ending.SUCCEEDED]


def test_process_1_of_a_container_obeys_and_reaps(app: App, url: str, gate: Path, tmp_path: Path) -> None:
    with tree(url, *as_process_1()) as container:
        container.until("WorkerStarted")
        (worker,) = container.children()
        running = enqueue(app, "stubborn", str(gate))
        container.until("running stubborn")
        engines = set(children_of(worker))
        enqueue(app, "orphaning", str(tmp_path / "orphan")).result(timeout=20)
        (orphan,) = set(children_of(worker)) - engines

        (tmp_path / "orphan").touch()
        assert eventually(lambda: not Path(f"/proc/{orphan}").exists())
        os.kill(worker, signal.SIGTERM)
        container.until("WorkerStopping .*why=SIGTERM")
        gate.touch()

        assert container.ended() == 0
        assert running.refresh().state is JobState.SUCCEEDED


def test_a_target_that_cannot_be_loaded_is_said_once_and_ends_with_3(url: str) -> None:
    with tree(url, target="tests.running.nowhere:app", engines=2, extras={"web": ["echo", "started"]}) as worker:
        assert worker.ended() == 3
    assert worker.output.count("there is no module 'tests.running.nowhere'") == 1
    assert "cannot be loaded" in worker.until("WorkerStopping")[0].string
    assert "started" not in worker.output


def test_engines_that_die_again_and_again_before_they_are_ready_end_the_worker(url: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import os\nos._exit(9)\n")
    with tree(url, target="broken:app", folder=tmp_path) as worker:
        assert worker.ended() == 3
    assert len(worker.until("EngineDied .*exit code 9 before it was ready")) == 3


def test_a_store_that_lives_in_one_process_is_refused() -> None:
    with tree("memory://") as worker:
        assert worker.ended() == 1
    worker.until("ConfigError: store memory:// lives inside one process.*run_worker")


def test_an_extra_ends_with_the_worker(url: str) -> None:
    with tree(url, extras={"web": ["sh", "-c", "echo extra $$; exec sleep 60"]}) as it:
        extra = it.pid_that_says("extra")
        it.until("WorkerStarted")

        it.signal(signal.SIGTERM)

        assert it.ended() == 0
        assert_gone([extra], seconds=0)


def test_an_extra_that_ends_ends_the_worker_with_its_code(url: str) -> None:
    with tree(url, extras={"web": ["sh", "-c", "exit 7"]}) as worker:
        assert worker.ended() == 7


def test_health_tells_whether_the_worker_takes_jobs(app: App, url: str, gate: Path) -> None:
    port = free_port()
    enqueue(app, "stubborn", str(gate))
    with tree(url, health=f":{port}") as worker:
        worker.until("running stubborn")

        assert status(port, "livez") == 200
        assert status(port, "readyz") == 200
        worker.signal(signal.SIGTERM)
        worker.until("WorkerStopping")
        assert status(port, "livez") == 200
        assert status(port, "readyz") == 503
        gate.touch()

        assert worker.ended() == 0


def test_a_worker_inside_a_program_drains_on_term_and_stops_on_the_second(app: App, url: str, gate: Path) -> None:
    text = "import logging; logging.basicConfig(level='INFO'); from tests.running.tasks import app; app.run_worker()"
    with program(text, url) as worker:
        jobs = [enqueue(app, task, str(gate)) for task in ("patient", "stubborn")]
        worker.until("running", times=2)

        worker.signal(signal.SIGTERM)
        worker.until("takes no more jobs: SIGTERM")
        later = enqueue(app, "add", 1, 2)
        worker.signal(signal.SIGINT)

        assert worker.ended() == 0
    for job in jobs:
        assert_given_back(job)
    assert later.refresh().state is JobState.QUEUED


def as_process_1() -> tuple[str, ...]:
    """Return the words before a command that make it process 1, or skip the test where that is not permitted."""
    ways = (("unshare", "-fp", "--kill-child"), ("unshare", "-Ufp", "--map-root-user", "--kill-child"))
    for way in ways if shutil.which("unshare") else ():
        if subprocess.run([*way, "true"], check=False, capture_output=True).returncode == 0:
            return way
    pytest.skip("this system does not let us make a process namespace")


def eventually(is_so: Callable[[], bool]) -> bool:
    """Look again and again at what nothing tells of."""
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.005)
    return is_so()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with closing(connection):
        connection.request("GET", f"/{path}")
        return connection.getresponse().status


def test_a_store_that_cannot_be_opened_is_said_once_a_try(tmp_path: Path) -> None:
    with tree(f"sqlite:///{tmp_path}/nowhere/jobs.db", log_level="info") as worker:
        worker.until("StoreFailing verb=open", times=4)
        (tmp_path / "nowhere").mkdir()
        worker.until("WorkerStarted")

    assert "store failed to open" not in worker.output, "the engine leaves it to the supervisor to say so"
