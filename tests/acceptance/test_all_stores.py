"""One application on every store: nothing but WORKMILL_URL is another."""

import json
import subprocess
import sys

import pytest

from examples.chess.stockfish import ROOT
from examples.chess.tasks import analyse
from tests.acceptance.client import Client
from tests.acceptance.servers import demo, free_port
from tests.acceptance.test_chess_demo import REFERENCE, RESULT
from workmill import App, JobState

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 60.0
SAID = {
    "results": [[3, 0, 1, 2, 3, 4], True, "succeeded"],
    "retries": [3, ["failed", "failed", "succeeded"], "ValueError"],
    "flows": [190, {"succeeded": 21}],
    "rules": [True, "halfway", "done", [1, 1, 1, 1, 1]],
    "cancels": ["scheduled", "cancelled", "not needed"],
    "schedules": ["around", "around", "around"],
    "channels": [{"cents": 499}, 499],
}


@pytest.fixture
def memory_url() -> str:
    return "memory://"


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgresql", "redis"])
def test_one_program_says_the_same_on_every_store(store: str, request: pytest.FixtureRequest) -> None:
    said = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.acceptance.whole_program"],
        cwd=ROOT,
        env={"WORKMILL_URL": request.getfixturevalue(f"{store}_url")},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == SAID


def test_the_chess_example_runs_on_every_store_that_programs_share(url: str) -> None:
    port = free_port()

    with demo(url, port), Client(port) as client, App(url) as app:
        job = app.job(client.post({"fen": REFERENCE})).refresh(DEADLINE_SECONDS)
        _, answer = client.ask("GET", f"/analysis?id={job.id}")

    assert (job.record.task, job.state) == (analyse.name, JobState.SUCCEEDED)
    assert json.loads(answer) == {"status": "done", "result": RESULT}
