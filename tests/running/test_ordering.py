"""Orders to workers of real process trees, given through the store by another process."""

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running.test_tree import status
from tests.running.tree import Tree, assert_gone, tree
from workmill import App, JobState, Order, Worker

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]

LEASE_SECONDS = 1.5
WAIT_SECONDS = 20.0


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.fixture
def worker(url: str, port: int) -> Iterator[Tree]:
    # One slot: what comes while it is taken cannot be claimed before the engine has heard the order.
    with tree(url, lease=LEASE_SECONDS, health=f":{port}", concurrency=1, name="mill") as it:
        it.until("WorkerStarted")
        yield it


def named(app: App, name: str = "mill") -> Worker:
    (found,) = (each for each in app.workers() if each.is_live and each.name == name)
    return found


def order(app: App, what: Order) -> None:
    assert app.order_workers([named(app).id], what) == [True]


def test_a_quiet_worker_finishes_what_runs_takes_no_more_and_stays(
    app: App, worker: Tree, gate: Path, port: int
) -> None:
    running = app.tasks["stubborn"].enqueue(str(gate))
    worker.until("running stubborn")

    order(app, Order.QUIET)
    worker.until("WorkerOrdered .*order=quiet")
    later = app.tasks["add"].enqueue(1, 2)
    gate.touch()
    running.result(timeout=WAIT_SECONDS)

    assert later.refresh().state is JobState.QUEUED
    assert (status(port, "livez"), status(port, "readyz")) == (200, 503)
    assert named(app).order is Order.QUIET
    order(app, Order.WORK)
    assert later.result(timeout=WAIT_SECONDS) == 3
    assert status(port, "readyz") == 200


def test_a_worker_that_is_told_to_stop_drains_and_ends(app: App, worker: Tree, gate: Path) -> None:
    running = app.tasks["stubborn"].enqueue(str(gate))
    worker.until("running stubborn")

    order(app, Order.STOP)
    worker.until("WorkerStopping .*why=it was told to stop")
    later = app.tasks["add"].enqueue(1, 2)
    gate.touch()

    assert worker.ended() == 0
    assert running.refresh().state is JobState.SUCCEEDED
    assert later.refresh().state is JobState.QUEUED
    assert [each.is_live for each in app.workers()] == [False]


def test_new_engines_of_a_quiet_worker_are_quiet(app: App, worker: Tree) -> None:
    order(app, Order.QUIET)
    worker.until("WorkerOrdered .*order=quiet")

    worker.signal(signal.SIGHUP)
    worker.until("EngineRelieved")
    job = app.tasks["add"].enqueue(1, 2)

    assert job.refresh(LEASE_SECONDS).state is JobState.QUEUED
    order(app, Order.WORK)
    assert job.result(timeout=WAIT_SECONDS) == 3


def test_a_quiet_worker_that_loses_its_lease_comes_back_quiet(app: App, worker: Tree) -> None:
    order(app, Order.QUIET)
    worker.until("WorkerOrdered .*order=quiet")
    before = named(app).id

    job = app.tasks["add"].enqueue(1, 2)
    children = worker.children()
    worker.signal(signal.SIGSTOP)
    assert_gone(children, seconds=WAIT_SECONDS)  # Their term is over.
    worker.signal(signal.SIGCONT)
    worker.until("WorkerStarted", times=2)

    after = named(app)
    assert (after.id == before, after.order) == (False, Order.QUIET)
    assert job.refresh().state is JobState.QUEUED
