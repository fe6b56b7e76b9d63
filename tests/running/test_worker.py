"""The worker inside a program: on the test's own loop, with the lease in its thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.running.fakes import FailingStore, Kept
from workmill import App, current_job
from workmill.craft.program import Program
from workmill.running import worker
from workmill.running.options import WorkerOptions
from workmill.running.orders import Orders
from workmill.running.worker import work, working
from workmill.stores.memory import Vault
from workmill.words.clock import system_clock
from workmill.words.errors import SchemaMismatch, StoreUnavailable
from workmill.words.events import (
    JobSettled,
    JobsOverstayed,
    JobStarted,
    StoreFailing,
    WorkerLeaseLost,
    WorkerOrdered,
    WorkerStarted,
    WorkerStopped,
    WorkerStopping,
)
from workmill.words.job import Ending, JobState
from workmill.words.order import Order

OPTIONS = WorkerOptions(lease=timedelta(seconds=30))
SHORT = WorkerOptions(lease=timedelta(seconds=1))


class Scene:
    """An application over one vault, its events, and a store of which each opening hands out another view."""

    def __init__(self) -> None:
        self.vault = Vault()
        self.events = Kept()
        self.failures: dict[str, list[Exception]] = {}
        self.running = asyncio.Event()
        self.gate = threading.Event()
        self.app = App("memory://")
        loop = asyncio.get_running_loop()

        @self.app.task
        def stubborn() -> int:
            loop.call_soon_threadsafe(self.running.set)
            assert self.gate.wait(20)
            return current_job.attempt

        @self.app.task
        async def patient() -> None:
            self.running.set()
            await asyncio.Event().wait()

        @self.app.task
        async def blocking(seconds: float) -> None:
            threading.Event().wait(seconds)

    @property
    def program(self) -> Program:
        return replace(self.app.program, open_store=self.new_store, emit=self.emit)

    def new_store(self) -> FailingStore:
        store = FailingStore(self.vault, system_clock)  # type: ignore[arg-type]
        store.failures = self.failures
        return store

    def emit(self, event: Any) -> None:
        self.events.append(event)

    async def enqueue(self, task: str, *args: object) -> str:
        (stored,) = await self.new_store().enqueue([self.app.tasks[task].job(*args)])
        return stored.job.id

    async def job(self, job_id: str) -> Any:
        return (await self.new_store().get([job_id]))[0]

    async def endings(self, job_id: str) -> list[Ending]:
        return [attempt.ending for attempt in await self.new_store().attempts(job_id)]

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so():  # noqa: ASYNC110 - events come from another thread
                await asyncio.sleep(0.002)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    scene.gate.set()


@asynccontextmanager
async def at_work(scene: Scene, options: WorkerOptions = OPTIONS) -> AsyncIterator[Orders]:
    async with asyncio.timeout(20), working(scene.program, options) as orders:
        yield orders


async def test_it_runs_jobs_from_its_first_lease_until_it_is_left(scene: Scene) -> None:
    async with at_work(scene):
        assert [event.tasks for event in scene.events.of(WorkerStarted)] == [("stubborn", "patient", "blocking")]
        job_id = await scene.enqueue("stubborn")
        await scene.running.wait()
        scene.gate.set()
        await scene.until(lambda: bool(scene.events.of(JobSettled)))

    assert (await scene.job(job_id)).state is JobState.SUCCEEDED
    assert len(scene.events.of(WorkerStopped)) == 1
    assert [worker.is_live for worker in await scene.new_store().workers()] == [False]


@pytest.mark.slow
async def test_leaving_it_gives_back_what_runs(scene: Scene) -> None:
    async with at_work(scene):
        jobs = [await scene.enqueue(task) for task in ("patient", "stubborn")]
        await scene.until(lambda: len(scene.events.of(JobStarted)) == 2)

    for job_id in jobs:
        job = await scene.job(job_id)
        assert (job.state, job.attempt, job.deaths) == (JobState.QUEUED, 0, 0)
        assert await scene.endings(job_id) == [Ending.RETURNED]
    assert scene.events.of(WorkerStopped)[0].returned == 2


async def test_an_order_by_the_store_quiets_it_and_lets_it_go_on(scene: Scene) -> None:
    async with at_work(scene, SHORT) as orders:
        (worker,) = await scene.new_store().workers()
        await scene.new_store().order([worker.id], Order.QUIET)
        await scene.until(lambda: orders.is_quiet)
        scene.gate.set()
        job_id = await scene.enqueue("stubborn")
        assert (await scene.job(job_id)).state is JobState.QUEUED
        await scene.new_store().order([worker.id], Order.WORK)
        await scene.until(lambda: bool(scene.events.of(JobSettled)))

    assert (await scene.job(job_id)).state is JobState.SUCCEEDED
    assert [event.order for event in scene.events.of(WorkerOrdered)] == [Order.QUIET, Order.WORK]


async def test_told_to_stop_by_the_store_it_drains_and_ends(scene: Scene) -> None:
    orders, started = Orders(), asyncio.Event()
    async with asyncio.timeout(20):
        worker = asyncio.create_task(work(scene.program, SHORT, orders, started=started))
        await started.wait()
        job_id = await scene.enqueue("stubborn")
        await scene.running.wait()
        (listed,) = await scene.new_store().workers()

        await scene.new_store().order([listed.id], Order.STOP)
        await scene.until(lambda: bool(scene.events.of(WorkerStopping)))
        scene.gate.set()
        await worker

    assert [event.why for event in scene.events.of(WorkerStopping)] == ["it was told to stop"]
    assert (await scene.job(job_id)).state is JobState.SUCCEEDED


async def test_the_first_order_drains(scene: Scene) -> None:
    async with at_work(scene) as orders:
        job_id = await scene.enqueue("stubborn")
        await scene.running.wait()

        orders.end("enough")
        await scene.until(lambda: bool(scene.events.of(WorkerStopping)))
        later = await scene.enqueue("stubborn")
        scene.gate.set()
        await scene.until(lambda: bool(scene.events.of(WorkerStopped)))

    assert [event.why for event in scene.events.of(WorkerStopping)] == ["enough"]
    assert (await scene.job(job_id)).state is JobState.SUCCEEDED
    assert (await scene.job(later)).state is JobState.QUEUED


@pytest.mark.slow
async def test_code_that_blocks_the_loop_does_not_cost_the_lease(scene: Scene) -> None:
    async with at_work(scene, SHORT):
        job_id = await scene.enqueue("blocking", 1.5)
        await scene.until(lambda: bool(scene.events.of(JobSettled)))

    assert scene.events.of(WorkerLeaseLost) == []
    assert (await scene.job(job_id)).attempt == 1


@pytest.mark.slow
async def test_a_lost_lease_stops_the_jobs_and_begins_a_new_worker(scene: Scene) -> None:
    async with at_work(scene, SHORT):
        job_id = await scene.enqueue("patient")
        await scene.running.wait()
        scene.running.clear()

        await scene.new_store().leave(scene.events.of(WorkerStarted)[0].worker_id)

        await scene.running.wait()
        first, second = scene.events.of(WorkerStarted)
        assert first.worker_id != second.worker_id
        assert [event.worker_id for event in scene.events.of(WorkerLeaseLost)] == [first.worker_id]
        assert (await scene.job(job_id)).deaths == 0
        assert await scene.endings(job_id) == [Ending.RETURNED]


@pytest.mark.slow
async def test_a_store_that_stays_away_is_waited_for_and_then_given_what_ended(scene: Scene) -> None:
    async with at_work(scene, SHORT):
        job_id = await scene.enqueue("patient")
        await scene.running.wait()
        scene.running.clear()

        away: list[Exception] = [StoreUnavailable("away")] * 10_000
        scene.failures.update(renew=list(away), settle=list(away), register=list(away), leave=list(away))
        await scene.until(lambda: bool(scene.events.of(WorkerLeaseLost)))
        scene.failures.clear()

        await scene.running.wait()
        assert (await scene.job(job_id)).deaths == 0
        assert await scene.endings(job_id) == [Ending.RETURNED]


@pytest.mark.slow
async def test_a_store_that_is_away_at_the_start_is_waited_for(scene: Scene) -> None:
    scene.failures["open"] = [StoreUnavailable("away")] * 3
    scene.failures["register"] = [StoreUnavailable("away")]

    async with at_work(scene):
        assert len(scene.events.of(WorkerStarted)) == 1

    assert {event.verb for event in scene.events.of(StoreFailing)} == {"open", "register"}


async def test_orders_reach_a_worker_that_waits_for_its_store(scene: Scene) -> None:
    scene.failures["open"] = [StoreUnavailable("away")] * 10_000
    orders = Orders()
    working = asyncio.create_task(work(scene.program, OPTIONS, orders))
    await scene.until(lambda: bool(scene.events.of(StoreFailing)))

    orders.end("enough")

    async with asyncio.timeout(10):
        await working
    assert scene.events.of(WorkerStarted) == []


async def test_a_store_that_no_waiting_mends_is_raised(scene: Scene) -> None:
    scene.failures["register"] = [SchemaMismatch("a newer version wrote it")]

    with pytest.raises(SchemaMismatch):
        await work(scene.program, OPTIONS, Orders())


async def test_a_job_that_overstays_is_said_once_since_nothing_here_can_end_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(worker, "GRACE", timedelta(0))
    async with at_work(scene):
        job_id = await scene.enqueue("stubborn")
        await scene.running.wait()
        await scene.new_store().cancel([job_id], None)
        await scene.until(lambda: bool(scene.events.of(JobsOverstayed)))
        patient = await scene.enqueue("patient")
        await scene.until(lambda: len(scene.events.of(JobStarted)) == 2)

        (event,) = scene.events.of(JobsOverstayed)
        assert event.job_ids == (job_id,)
        assert "stubborn was asked to end, and inside a program nothing can make it" in event.why
        assert (await scene.job(patient)).state is JobState.RUNNING
        scene.gate.set()
