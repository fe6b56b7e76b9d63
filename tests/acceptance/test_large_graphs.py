"""A graph of ten thousand jobs, and ten thousand results that go to one, with a worker as users have it."""

import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running.tree import Tree, started
from workmill import App, Flow, JobState, NewJob, chord

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MANY, LAYER = 10_000, 100
DEADLINE_SECONDS = 240.0


@pytest.fixture
def app(url: str) -> Iterator[App]:
    with App(url) as app:
        yield app


@contextmanager
def worker(url: str) -> Iterator[Tree]:
    words = ["tests.acceptance.graph_app:app", "--concurrency", "200"]
    with started([sys.executable, "-m", "workmill", "worker", *words], url) as it:
        it.until("takes all queues")
        yield it


def graph(app: App, folder: Path) -> Flow:
    """Make a graph in layers, each job of which follows two of the layer before."""

    @app.task
    async def one(number: int, folder: str) -> int:
        raise NotImplementedError

    flow, chance, before = Flow(), random.Random(5), list[NewJob]()
    for _ in range(MANY // LAYER):
        parents = [chance.sample(before, 2) if before else None for _ in range(LAYER)]
        before = [flow.add(one.job(number, str(folder)), after=after) for number, after in enumerate(parents)]
    return flow


def runs(folder: Path) -> list[str]:
    return (folder / "runs").read_text().split()


def test_graph_of_ten_thousand_runs_each_job_once_behind_its_parents(app: App, url: str, tmp_path: Path) -> None:
    flow = graph(app, tmp_path)
    jobs = flow.jobs()

    handle = app.enqueue_flow(flow)
    with worker(url):
        handle.results(timeout=DEADLINE_SECONDS)

    begun = {job_id: place for place, job_id in enumerate(runs(tmp_path))}
    assert Counter(runs(tmp_path)) == Counter(job.id for job in jobs)
    assert handle.status().counts == {JobState.SUCCEEDED: MANY}
    hasty = [job.id for job in jobs if job.after and begun[job.id] < max(begun[parent] for parent in job.after.jobs)]
    assert hasty == []


def test_chord_of_ten_thousand_gives_its_total_once(app: App, url: str, tmp_path: Path) -> None:
    @app.task
    async def one(number: int, folder: str) -> int:
        raise NotImplementedError

    @app.task
    async def total(numbers: list[int], folder: str) -> int:
        raise NotImplementedError

    flow = chord((one.job(number, str(tmp_path)) for number in range(MANY)), total.step(folder=str(tmp_path)))
    last = flow.jobs()[-1]

    handle = app.enqueue_flow(flow)
    with worker(url):
        assert app.job(last.id).result(timeout=DEADLINE_SECONDS) == sum(range(MANY))

    assert handle.status().counts == {JobState.SUCCEEDED: MANY + 1}
    assert Counter(runs(tmp_path)) == Counter(job.id for job in flow.jobs())
    assert runs(tmp_path)[-1] == last.id
