"""Three workers under load are restarted one after another: no job is lost, none runs twice, no attempt is burned."""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.running.tree import Tree, started
from workmill import App, Ending, JobHandle, JobState

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]

DEADLINE_SECONDS = 60.0
NAMES = ("one", "two", "three")
LENGTHS = (0.0, 0.01, 0.3)
"""Of jobs, in seconds: some are so short that they end at any moment of a restart, some so long that all meet one."""
PAUSE_SECONDS = 0.2
"""Between rounds of jobs: half of what three workers can do."""


class Load:
    """Enqueues jobs of every kind, round after round, until it is left."""

    def __init__(self, url: str, folder: Path) -> None:
        self.jobs: list[JobHandle[object]] = []
        self._url = url
        self._folder = str(folder)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._enqueue)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(DEADLINE_SECONDS)

    def _enqueue(self) -> None:
        with App(self._url) as app:
            tasks = known(app)
            while not self._is_over.wait(PAUSE_SECONDS):
                for seconds in LENGTHS:
                    self.jobs += [task.enqueue(self._folder, seconds) for task in tasks]


def known(app: App) -> list[object]:
    def unknown(folder: str, seconds: float) -> None:
        raise NotImplementedError

    return [app.task(name=name)(unknown) for name in ("threaded", "awaited", "isolated")]


@contextmanager
def worker(url: str, name: str) -> Iterator[Tree]:
    words = ["tests.acceptance.rolling_app:app", "--name", name, "--concurrency", "4", "--solos", "2"]
    with started([sys.executable, "-m", "workmill", "worker", *words], url) as it:
        it.until(f"worker {name} takes all queues")
        it.until("succeeded")
        yield it


@pytest.mark.timeout(300)
def test_a_rolling_restart_burns_no_attempt_and_loses_nothing(url: str, tmp_path: Path) -> None:
    with ExitStack() as workers, Load(url, tmp_path) as load:
        old = [workers.enter_context(worker(url, name)) for name in NAMES]
        for each in old:
            each.signal(signal.SIGHUP)
            each.until("takes its place: SIGHUP", times=2)  # Of both engines: one has the jobs with processes.
        for name, each in zip(NAMES, old, strict=True):
            each.signal(signal.SIGTERM)
            assert each.ended(DEADLINE_SECONDS) == 0
            each.until("worker stopped; 0 jobs given back")
            workers.enter_context(worker(url, name))
        load.__exit__()

        with App(url) as app:
            jobs = [app.job(job.id).refresh(wait=DEADLINE_SECONDS) for job in load.jobs]
            endings = Counter(tuple(attempt.ending for attempt in job.attempts()) for job in jobs)

    runs = Counter((tmp_path / "runs").read_text().split())
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert endings == {(Ending.SUCCEEDED,): len(jobs)}
    assert {(job.record.attempt, job.record.deaths) for job in jobs} == {(1, 0)}
    assert runs == dict.fromkeys((job.id for job in jobs), 1)
    assert len(jobs) > 100
    assert len({job.record.worker for job in jobs}) == 2 * len(NAMES)
