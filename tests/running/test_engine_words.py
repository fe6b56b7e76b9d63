"""What reaches a job while it runs, and what it says: cancels, progress, and another worker."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextvars import copy_context

import pytest

from tests.running.engines import LONGEST_SECONDS, Workshop, gate_opened
from workmill import JobState, Progress, Retry, current_job
from workmill.store import NoticeKind
from workmill.words.events import JobSettled, StaleWriteRefused


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workshop]:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 60.0)  # no poll may hide a word that is not heard
    shop = Workshop()
    with shop.app:
        yield shop


async def test_a_running_job_is_cancelled_by_a_notice(shop: Workshop) -> None:
    @shop.app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    job = await sleepy.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        await job.acancel("not needed")
        await job.arefresh(LONGEST_SECONDS)

    assert (job.state, job.record.cancel_reason) == (JobState.CANCELLED, "not needed")


async def test_a_cancel_is_found_though_its_notice_was_lost(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 0.01)
    shop.store.deaf_to = frozenset(NoticeKind)

    @shop.app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    job = await sleepy.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        await job.acancel()
        await job.arefresh(LONGEST_SECONDS)

    assert job.state is JobState.CANCELLED


async def test_a_cancel_is_found_though_its_notice_was_lost_while_other_notices_come(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 0.02)
    shop.store.deaf_to = frozenset({NoticeKind.CANCEL})

    @shop.app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    quick = shop.app.task(name="quick")(lambda: None)
    job = await sleepy.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        await job.acancel()
        async with asyncio.timeout(LONGEST_SECONDS):
            while not (await job.arefresh()).done:
                await (await quick.aenqueue()).aresult(LONGEST_SECONDS)

    assert job.state is JobState.CANCELLED


async def test_a_cancel_that_comes_before_the_code_begins_cancels_it(shop: Workshop) -> None:
    began: list[int] = []

    @shop.app.task
    async def task() -> None:
        began.append(1)

    job = await task.aenqueue()
    async with shop.working() as engine:
        start = engine._start  # noqa: SLF001 - to be there between the claim and the first step of the code

        def start_and_cancel(jobs: object) -> None:
            start(jobs)  # type: ignore[arg-type] # handed on as it is
            for run, asyncio_task in engine._running.values():  # noqa: SLF001 - as above
                engine._ask(run, asyncio_task, "at once")  # noqa: SLF001 - as above

        engine._start = start_and_cancel  # type: ignore[method-assign] # noqa: SLF001 - as above
        await shop.until_settled(1)

    assert (await job.arefresh()).state is JobState.CANCELLED
    assert began == []


async def test_a_cancel_that_comes_between_decision_and_settle_keeps_the_job_from_running_again(
    shop: Workshop,
) -> None:
    gate = asyncio.Event()

    @shop.app.task(retry=Retry(3))
    async def fail() -> None:
        await gate_opened(gate)
        raise ValueError("no")

    job = await fail.aenqueue()
    shop.store.deaf_to = frozenset(NoticeKind)
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        shop.store.gates["settle"] = hold = asyncio.Event()
        before = shop.store.calls.count("settle")
        gate.set()
        await shop.store.until_called("settle", before + 1)
        await job.acancel("not needed")
        hold.set()
        await shop.until_settled(1)

    await job.arefresh()
    assert (job.state, job.record.cancel_reason) == (JobState.CANCELLED, "not needed")
    assert job.record.failure is not None
    assert job.record.failure.message == "no"
    assert len(shop.of(JobSettled)) == 1


async def test_a_time_limit_and_then_a_cancel_end_the_job_once(shop: Workshop) -> None:
    asked, gate = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @shop.app.task(timeout=0.01, retry=Retry(3))
    def slow() -> None:
        pause = threading.Event()
        while not current_job.cancelled:
            pause.wait(0.001)
        loop.call_soon_threadsafe(asked.set)
        gate.wait(LONGEST_SECONDS)

    job = await slow.aenqueue()
    async with shop.working():
        await gate_opened(asked)
        await job.acancel("not needed")
        gate.set()
        await shop.until_settled(1)

    await job.arefresh()
    assert job.state is JobState.CANCELLED
    assert job.record.failure is not None
    assert job.record.failure.kind == "timeout"


async def test_progress_is_folded_and_written_before_the_end(shop: Workshop) -> None:
    @shop.app.task
    async def work() -> None:
        for done in range(100):
            current_job.progress(done, 100, f"step {done}")

    job = await work.aenqueue()
    async with shop.working():
        await job.aresult(LONGEST_SECONDS)

    assert job.record.progress == Progress(current=99, total=100, message="step 99")
    assert shop.store.calls.count("report") == 1
    assert shop.store.calls.index("report") < len(shop.store.calls) - 1 - shop.store.calls[::-1].index("settle")


async def test_progress_is_written_while_the_task_runs(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def work() -> None:
        current_job.progress(1, 2)
        await gate_opened(gate)

    job = await work.aenqueue()
    async with shop.working():
        await shop.store.until_called("report")
        await job.arefresh(LONGEST_SECONDS, since=2)

        assert job.record.progress == Progress(current=1, total=2)
        gate.set()


async def test_progress_that_is_told_after_the_end_is_heard_no_more(shop: Workshop) -> None:
    tell, told = threading.Event(), threading.Event()

    def tell_late() -> None:
        tell.wait(LONGEST_SECONDS)
        current_job.progress(1)
        told.set()

    @shop.app.task
    def careless() -> None:
        threading.Thread(target=copy_context().run, args=[tell_late]).start()

    other = shop.app.task(name="other")(lambda: None)
    job = await careless.aenqueue()
    async with shop.working():
        await job.aresult(LONGEST_SECONDS)
        tell.set()
        await asyncio.to_thread(told.wait, LONGEST_SECONDS)
        await (await other.aenqueue()).aresult(LONGEST_SECONDS)

    assert (await job.arefresh()).record.progress is None
    assert shop.store.calls.count("report") == 0
    assert shop.of(StaleWriteRefused) == []


async def test_progress_of_a_job_that_was_lost_is_refused_and_told(shop: Workshop) -> None:
    gate, said = asyncio.Event(), asyncio.Event()

    @shop.app.task
    async def work() -> None:
        await gate_opened(gate)
        current_job.progress(1, 2)
        said.set()
        await asyncio.sleep(LONGEST_SECONDS)

    job = await work.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        await shop.take_away()
        gate.set()
        await gate_opened(said)
        await shop.until(lambda: bool(shop.of(StaleWriteRefused)))

    assert shop.of(StaleWriteRefused)[0] == StaleWriteRefused(job_id=job.id, token=1, verb="report")


async def test_the_end_of_a_job_that_was_lost_is_refused_and_told(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def work() -> str:
        await gate_opened(gate)
        return "too late"

    job = await work.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        await shop.take_away()
        gate.set()
        await shop.until(lambda: bool(shop.of(StaleWriteRefused)))

    assert shop.of(StaleWriteRefused) == [StaleWriteRefused(job_id=job.id, token=1, verb="settle")]
    assert shop.of(JobSettled) == []
    await job.arefresh()
    assert (job.state, job.record.result, job.record.token) == (JobState.RUNNING, None, 2)


async def test_a_quiet_engine_finishes_what_runs_and_takes_no_more_until_told(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait(number: int) -> int:
        await gate_opened(gate)
        return number

    async with shop.working() as engine:
        first = await wait.aenqueue(1)
        await shop.until(lambda: engine.running == 1)
        engine.quiet(is_on=True)
        second = await wait.aenqueue(2)
        gate.set()

        assert await first.aresult(LONGEST_SECONDS) == 1
        assert (await second.arefresh()).state is JobState.QUEUED
        engine.quiet(is_on=False)
        assert await second.aresult(LONGEST_SECONDS) == 2
