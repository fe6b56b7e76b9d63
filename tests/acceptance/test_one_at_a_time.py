"""Fifty processes start the one-at-a-time task at once: one is accepted; after a kill of everything it goes on."""

import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from tests.running.tree import Tree, started
from workmill import App, JobHandle, JobState, Task, Unique, UniqueConflict

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it starts a tree of processes")]

PROCESSES = 50
LEASE_SECONDS = 3.0
START_SECONDS = 15.0
"""How long it may take, on a busy machine, to start a worker, to sweep and to claim."""
DEADLINE_SECONDS = 60.0


def known(app: App) -> Task[[str], int, int]:
    @app.task(unique=Unique(by=()))
    def only(folder: str) -> int:
        raise NotImplementedError

    return only


def start(url: str, folder: str, gate: Barrier, said: "SimpleQueue[tuple[bool, str]]") -> None:
    """Start the task when everybody is ready, and tell whether it was accepted, and which job there is."""
    with App(url) as app:
        task = known(app)
        app.counts()  # so that it is connected before the gate opens
        gate.wait(DEADLINE_SECONDS)
        try:
            said.put((True, task.enqueue(folder).id))
        except UniqueConflict as conflict:
            said.put((False, conflict.job_id))


@contextmanager
def starters(context: ForkServerContext, url: str, folder: Path) -> "Iterator[SimpleQueue[tuple[bool, str]]]":
    gate, said = context.Barrier(PROCESSES), context.SimpleQueue()
    processes: list[BaseProcess] = [
        context.Process(target=start, args=(url, str(folder), gate, said)) for _ in range(PROCESSES)
    ]
    try:
        for process in processes:
            process.start()
        yield said
    finally:
        for process in processes:
            process.join(DEADLINE_SECONDS)
            process.kill()


@contextmanager
def worker(url: str) -> Iterator[Tree]:
    words = ["tests.acceptance.single_app:app", "--lease", str(LEASE_SECONDS)]
    with started([sys.executable, "-m", "workmill", "worker", *words], url) as it:
        it.until("takes all queues")
        yield it


@pytest.mark.timeout(300)
def test_one_of_fifty_is_accepted_and_the_next_start_succeeds_after_a_kill_of_everything(
    url: str, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["workmill", __name__])
    with App(url) as app:
        task = known(app)
        with worker(url) as tree:
            with starters(context, url, tmp_path) as said:
                answers = [said.get() for _ in range(PROCESSES)]
            (accepted,) = [job_id for is_accepted, job_id in answers if is_accepted]
            until_running(app.job(accepted))

            with pytest.raises(UniqueConflict) as caught:
                task.enqueue(str(tmp_path))

            tree.kill()
        killed_at = time.monotonic()
        with worker(url):
            assert app.job(accepted).result(timeout=DEADLINE_SECONDS) == 2
            following = task.enqueue(str(tmp_path))
            seconds = time.monotonic() - killed_at

    assert answers.count((False, accepted)) == PROCESSES - 1
    assert (caught.value.job_id, caught.value.state) == (accepted, JobState.RUNNING)
    assert following.id != accepted
    assert seconds < LEASE_SECONDS + START_SECONDS


def until_running(job: JobHandle[object]) -> None:
    """Wait until a job runs; it must."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while job.refresh(wait=1).state is JobState.QUEUED:
        assert time.monotonic() < deadline
    assert job.state is JobState.RUNNING
