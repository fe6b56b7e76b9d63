"""How an engine itself ends when something fails that should not, and what becomes of its jobs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.running.engines import LONGEST_SECONDS, Workshop, gate_opened
from workmill import JobState, StoreUnavailable, current_job
from workmill.running import patience
from workmill.words.events import StoreFailing
from workmill.words.retry import Backoff

GONE = StoreUnavailable("gone")


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workshop]:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 60.0)  # no poll may hide a word that is not heard
    shop = Workshop()
    with shop.app:
        yield shop


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let failures be repeated at once."""
    first = Backoff().first
    monkeypatch.setattr(patience, "BACKOFF", Backoff(first=first / 1000, most=first / 1000))


async def crashed(running: asyncio.Task[None]) -> Exception:
    """Return what an engine's run ended with."""
    async with asyncio.timeout(LONGEST_SECONDS):
        with pytest.raises(ExceptionGroup) as raised:
            await running
    (error,) = raised.value.exceptions
    return error


@pytest.mark.parametrize("verb", ["next", "report", "settle", "get"])
async def test_an_error_that_nobody_expects_ends_the_engine_loudly_and_gives_its_jobs_back(
    shop: Workshop, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 0.01)
    monkeypatch.setattr("workmill.running.reports.REPORT_SECONDS", 0.001)
    begun = asyncio.Event()

    @shop.app.task
    async def sleepy() -> None:
        begun.set()
        while True:
            current_job.progress(1)
            await asyncio.sleep(0.001)

    job = await sleepy.aenqueue()
    await shop.register()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await gate_opened(begun)
    shop.store.before[verb] = [ZeroDivisionError()]

    assert isinstance(await crashed(running), ZeroDivisionError)
    await job.arefresh()
    assert (job.state, job.record.attempt) == (JobState.QUEUED, 0)
    assert engine.given_back == 1


async def test_an_error_of_the_engines_own_rule_ends_it_loudly(shop: Workshop) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    await shop.app.task(name="task")(lambda: "done").aenqueue()
    await shop.register()
    running = asyncio.create_task(shop.engine(decide=broken).run())

    assert isinstance(await crashed(running), ZeroDivisionError)


async def test_an_engine_that_is_cancelled_gives_its_jobs_back(shop: Workshop) -> None:
    @shop.app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    job = await sleepy.aenqueue()
    await shop.register()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await shop.until(lambda: engine.running == 1)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (await job.arefresh()).state is JobState.QUEUED


async def test_an_engine_that_fails_while_the_store_is_gone_says_both(shop: Workshop) -> None:
    @shop.app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    job = await sleepy.aenqueue()
    await shop.register()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await shop.until(lambda: engine.running == 1)
    shop.store.before["settle"] = [GONE]

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert [event.verb for event in shop.of(StoreFailing)] == ["give jobs back"]
    assert (await job.arefresh()).state is JobState.RUNNING  # until its lease ends


async def test_a_stop_while_the_store_is_gone_ends_when_its_owner_cancels_it(shop: Workshop) -> None:
    @shop.app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    await sleepy.aenqueue()
    await shop.register()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await shop.until(lambda: engine.running == 1)
    shop.store.before["settle"] = [GONE] * 100_000

    await engine.stop()
    await shop.until(lambda: len(shop.of(StoreFailing)) > 2)
    assert not running.done()
    running.cancel()

    async with asyncio.timeout(LONGEST_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert {event.verb for event in shop.of(StoreFailing)} == {"settle and claim"}


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    "error", [SystemExit(), KeyboardInterrupt(), GeneratorExit(), StopIteration(), BaseException()]
)
async def test_whatever_a_task_raises_ends_its_job_and_nothing_else(
    shop: Workshop, error: BaseException, *, is_async: bool
) -> None:
    def fail() -> None:
        raise error

    async def fail_later() -> None:
        raise error

    failing = await shop.app.task(name="failing")(fail_later if is_async else fail).aenqueue()
    task = shop.app.task(name="task")(lambda: "done")
    async with shop.working(concurrency=1):
        await failing.arefresh(LONGEST_SECONDS)

        assert failing.state is JobState.FAILED
        assert await (await task.aenqueue()).aresult(LONGEST_SECONDS) == "done"
