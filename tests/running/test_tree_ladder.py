"""Real process trees whose jobs do not end when they must; `proof ladder` tries every way in which they do not."""

import sys
from pathlib import Path

import pytest

from tests.running.tree import assert_gone, tree
from workmill import App, JobHandle, JobState
from workmill.words.job import Ending

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]


def enqueue(app: App, task: str, *args: object) -> JobHandle[object]:
    return app.tasks[task].enqueue(*args)


def endings(job: JobHandle[object]) -> list[Ending]:
    return [attempt.ending for attempt in job.attempts()]


def test_a_forced_cancel_ends_a_plain_function_long_before_its_grace_and_harms_no_other(
    app: App, url: str, gate: Path
) -> None:
    with tree(url, overstay=600) as worker:
        jobs = [enqueue(app, task, str(gate)) for task in ("stubborn", "patient")]
        worker.until("running", times=2)
        (old,) = worker.children()

        jobs[0].cancel("enough", force=True)

        assert jobs[0].refresh(wait=20).state is JobState.CANCELLED
        assert_gone([old], seconds=0)
        worker.until(f"JobsOverstayed .*{jobs[0].id}")
        worker.until("running patient", times=2)
        gate.touch()
        jobs[1].result(timeout=20)
        assert jobs[1].refresh().record.attempt == 1
        assert endings(jobs[1]) == [Ending.RETURNED, Ending.SUCCEEDED]


def test_an_engine_that_stands_still_is_said_with_the_guilty_job_and_left_alone(app: App, url: str, gate: Path) -> None:
    with tree(url) as worker:
        job = enqueue(app, "blocking", str(gate))

        (said,) = worker.until(rf"EngineStuck .*job_id={job.id} task=blocking stack=(.*)")
        gate.touch()
        job.result(timeout=20)

        assert "in blocking" in worker.output
        assert said[1].startswith('  File "')
        assert endings(job) == [Ending.SUCCEEDED]
