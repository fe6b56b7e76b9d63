"""The chess example as a person starts it: one command, one process tree, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from examples.chess.stockfish import ROOT
from examples.chess.tasks import analyse
from tests.acceptance.client import Client
from tests.acceptance.processes import await_end, command_of, descendants
from tests.acceptance.servers import HOST, READY_SECONDS, demo, free_port, running
from workmill import App, JobState

REFERENCE = "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"
RESULT = [{"centipawn_score": None, "mate_score": -2, "pv": ["c2c1", "e5e1", "c1e1"]}]
LONG = {"fen": "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", "depth_limit": 60, "time_limit": 60}
DEADLINE = 30.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'chess.db'}"


@pytest.mark.slow
def test_one_command_takes_a_position_to_its_result(url: str) -> None:
    port = free_port()

    with demo(url, port) as process, Client(port) as client, App(url) as app:
        job = client.post({"fen": REFERENCE})
        app.job(job).refresh(DEADLINE)
        _, answer = client.ask("GET", f"/analysis?id={job}")
        engines = [pid for pid in descendants(process.pid) if "stockfish" in command_of(pid)]

    assert json.loads(answer) == {"status": "done", "result": RESULT}
    assert engines


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_it_no_process_is_left_and_the_work_in_hand_goes_back(url: str, number: signal.Signals) -> None:
    port = free_port()

    with demo(url, port) as process, Client(port) as client, App(url) as app:
        job = app.job(client.post(LONG))
        while job.record.progress is None:
            before = job.record.version
            assert job.refresh(DEADLINE, since=before).record.version > before, "the worker does not work"
        tree = descendants(process.pid)
        os.kill(process.pid, number)
        status = process.wait(DEADLINE)
        left = await_end(tree, DEADLINE)
        job.refresh()

    assert not left
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert (job.state, job.record.attempt) == (JobState.QUEUED, 0)


@pytest.mark.slow
def test_port_in_use_is_said_before_anything_starts(url: str) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = subprocess.run(
            [sys.executable, "-m", "examples.chess", f"--port={port}"],
            cwd=ROOT,
            env={**os.environ, "WORKMILL_URL": url},
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            check=False,
        )

    assert said.returncode == 1
    assert f"port {port} is in use" in said.stderr
    assert "--port" in said.stderr


@pytest.mark.slow
def test_missing_engine_is_said_before_anything_starts(url: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "examples.chess"],
        cwd=ROOT,
        env={**os.environ, "WORKMILL_URL": url, "WORKMILL_STOCKFISH": "/no/such/engine"},
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )

    assert said.returncode == 1
    assert "WORKMILL_STOCKFISH='/no/such/engine'" in said.stderr


@pytest.mark.slow
def test_worker_that_dies_ends_the_whole_with_a_reason(url: str) -> None:
    port = free_port()

    with demo(url, port) as process:
        [worker] = [pid for pid in descendants(process.pid) if "-m workmill worker" in command_of(pid)]
        os.kill(worker, signal.SIGKILL)
        status = process.wait(DEADLINE)

    assert status == 1


@pytest.mark.slow
def test_flask_worker_works_until_it_is_told_to_stop(url: str) -> None:
    with App(url) as app, running(url, ["-m", "flask", "--app", "examples.chess", "worker"]) as worker:
        [job] = app.enqueue_many([analyse.job(REFERENCE)])
        job.refresh(DEADLINE)
        os.kill(worker.pid, signal.SIGTERM)
        status = worker.wait(DEADLINE)

    assert job.state == JobState.SUCCEEDED
    assert status == 0
