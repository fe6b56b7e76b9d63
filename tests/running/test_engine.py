"""The engine at work: batches, slots, order, waking up, draining, stopping."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.running.engines import LONGEST_SECONDS, Workshop, gate_opened
from workmill import Ending, JobState, Retry, current_job
from workmill.store import NoticeKind
from workmill.words.events import JobStarted, StaleWriteRefused


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workshop]:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 60.0)  # no poll may hide a word that is not heard
    shop = Workshop()
    with shop.app:
        yield shop


async def test_jobs_that_wait_and_jobs_that_come_are_run(shop: Workshop) -> None:
    add = shop.app.task(name="add")(lambda a, b: a + b)
    waiting = await add.aenqueue(1, 2)

    async with shop.working():
        coming = await add.aenqueue(3, 4)

        assert await waiting.aresult(LONGEST_SECONDS) == 3
        assert await coming.aresult(LONGEST_SECONDS) == 7


async def test_never_more_run_than_there_are_slots(shop: Workshop) -> None:
    running, most = 0, 0

    @shop.app.task
    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await shop.app.aenqueue_many([count.job() for _ in range(50)])
    async with shop.working(concurrency=3) as engine:
        await shop.until_settled(50)

        assert engine.running == 0
    assert most == 3


async def test_no_more_is_claimed_than_can_start_now(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait() -> None:
        await gate_opened(gate)

    await shop.app.aenqueue_many([wait.job() for _ in range(10)])
    async with shop.working(concurrency=3) as engine:
        await shop.until(lambda: len(shop.of(JobStarted)) == 3)

        assert engine.running == 3
        assert {each.state: each.jobs for each in await shop.app.acounts()} == {
            JobState.RUNNING: 3,
            JobState.QUEUED: 7,
        }
        gate.set()
        await shop.until_settled(10)


async def test_the_oldest_is_first_and_a_higher_priority_before_it(shop: Workshop) -> None:
    order: list[int] = []
    note = shop.app.task(name="note")(lambda number: order.append(number))  # noqa: PLW0108 - it needs a parameter's name
    await shop.app.aenqueue_many([note.job(0), note.job(1), note.using(priority=5).job(2), note.job(3)])

    async with shop.working(concurrency=1):
        await shop.until_settled(4)

    assert order == [2, 0, 1, 3]


async def test_only_the_queues_asked_for_are_taken(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: None)
    other = await task.using(queue="other").aenqueue()

    async with shop.working(queues=("default",)):
        await (await task.aenqueue()).aresult(LONGEST_SECONDS)
        await task.using(queue="other").aenqueue()
        await (await task.aenqueue()).aresult(LONGEST_SECONDS)

    assert (await other.arefresh()).state is JobState.QUEUED


async def test_a_task_unknown_to_the_worker_stays_queued(shop: Workshop) -> None:
    known, unknown = (shop.app.task(name=name)(lambda: None) for name in ("known", "unknown"))
    left = await unknown.aenqueue()
    del shop.app._registry.tasks["unknown"]  # noqa: SLF001 - as in a worker of an older version

    async with shop.working():
        await (await known.aenqueue()).aresult(LONGEST_SECONDS)

    assert (await left.arefresh()).state is JobState.QUEUED


async def test_many_jobs_of_both_kinds_are_run_in_few_exchanges(shop: Workshop) -> None:
    @shop.app.task
    async def double(number: int) -> int:
        return number * 2

    plain = shop.app.task(name="plain")(lambda number: number * 2)
    jobs = [task.job(number) for number in range(250) for task in (double, plain)]
    handles = await shop.app.aenqueue_many(jobs)

    async with shop.working(concurrency=100):
        await shop.until_settled(500)

    results = [await handle.aresult(0) for handle in handles]
    assert results == [number * 2 for number in range(250) for _ in range(2)]
    assert shop.store.calls.count("settle") < 100
    assert shop.store.calls.count("claim") == 0


async def test_what_ends_while_an_exchange_is_under_way_goes_with_the_next(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait(number: int) -> int:
        await gate_opened(gate)
        return number

    await shop.app.aenqueue_many([wait.job(number) for number in range(4)])
    async with shop.working():
        await shop.until(lambda: len(shop.of(JobStarted)) == 4)
        before = shop.store.calls.count("settle")
        shop.store.gates["settle"] = hold = asyncio.Event()
        gate.set()
        await shop.store.until_called("settle", before + 1)
        hold.set()
        await shop.until_settled(4)

    assert shop.store.calls.count("settle") - before <= 2


async def test_a_notice_that_comes_while_a_claim_finds_nothing_is_not_forgotten(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "found")
    await shop.register()
    shop.store.late["settle"] = hold = asyncio.Event()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await shop.store.until_called("settle")

    job = await task.aenqueue()
    await shop.store.until_called("heard")
    del shop.store.late["settle"]
    hold.set()

    assert await job.aresult(LONGEST_SECONDS) == "found"
    engine.drain()
    await running


async def test_a_job_that_comes_before_there_is_an_ear_is_found(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "found")
    shop.store.gates["listen"] = hold = asyncio.Event()

    async with shop.working():
        await shop.store.until_called("settle")
        job = await task.aenqueue()
        hold.set()

        assert await job.aresult(LONGEST_SECONDS) == "found"


async def test_run_until_idle_returns_when_nothing_is_left(shop: Workshop) -> None:
    task = shop.app.task(name="task", retry=Retry(3))(lambda: 1 // 0)
    job = await task.aenqueue()
    await shop.register()

    async with asyncio.timeout(LONGEST_SECONDS):
        await shop.engine().run(until_idle=True)

    assert (await job.arefresh()).state is JobState.RETRYING


async def test_draining_takes_no_more_and_finishes_what_runs(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait() -> str:
        await gate_opened(gate)
        return "done"

    first, second = await wait.aenqueue(), await wait.aenqueue()
    async with shop.working(concurrency=1) as engine:
        await shop.until(lambda: engine.running == 1)

        engine.drain()
        gate.set()

        assert await first.aresult(LONGEST_SECONDS) == "done"
    assert (await second.arefresh()).state is JobState.QUEUED
    assert engine.given_back == 0


async def test_an_idle_engine_drains_at_once(shop: Workshop) -> None:
    await shop.register()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await shop.store.until_called("listen")

    engine.drain()

    async with asyncio.timeout(LONGEST_SECONDS):
        await running


async def test_stopping_interrupts_async_tasks_and_gives_them_back_uncounted(shop: Workshop) -> None:
    ends: list[str] = []

    @shop.app.task
    async def sleepy() -> None:
        try:
            await asyncio.sleep(LONGEST_SECONDS)
        finally:
            ends.append("cleaned up")

    job = await sleepy.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        await engine.stop()

    (attempt,) = await job.aattempts()
    await job.arefresh()
    assert (job.state, job.record.attempt, attempt.ending) == (JobState.QUEUED, 0, Ending.RETURNED)
    assert engine.given_back == 1
    assert ends == ["cleaned up"]


async def test_stopping_asks_threads_and_gives_back_those_that_heed(shop: Workshop) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    @shop.app.task
    def heedful() -> str:
        loop.call_soon_threadsafe(begun.set)
        asked = threading.Event()
        while not current_job.cancelled:
            asked.wait(0.001)
        return "half"

    job = await heedful.aenqueue()
    async with shop.working() as engine:
        await gate_opened(begun)
        await engine.stop(grace=LONGEST_SECONDS)

    assert (await job.arefresh()).state is JobState.QUEUED
    assert (job.record.attempt, engine.given_back) == (0, 1)


@pytest.mark.parametrize("is_async", [True, False])
async def test_what_does_not_end_within_the_grace_is_given_back_and_heard_no_more(
    shop: Workshop, *, is_async: bool
) -> None:
    gate, begun, is_over = threading.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    @shop.app.task(name="stubborn")
    def plain() -> str:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(LONGEST_SECONDS)
        current_job.progress(1)
        loop.call_soon_threadsafe(is_over.set)
        return "too late"

    @shop.app.task(name="stubborn_async")
    async def later() -> str:
        begun.set()
        while not gate.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue
        current_job.progress(1)
        is_over.set()
        return "too late"

    job = await (later if is_async else plain).aenqueue()
    async with shop.working() as engine:
        await gate_opened(begun)
        await engine.stop(grace=0.01)
    given_back = (await job.arefresh()).record
    gate.set()
    await gate_opened(is_over)

    assert (given_back.state, given_back.attempt, engine.given_back) == (JobState.QUEUED, 0, 1)
    assert (await job.arefresh()).record == given_back
    assert shop.of(StaleWriteRefused) == []


async def test_a_job_claimed_while_the_word_to_stop_came_is_given_back_unbegun(shop: Workshop) -> None:
    began: list[int] = []
    task = shop.app.task(name="task")(lambda: began.append(1))
    job = await task.aenqueue()
    await shop.register()
    shop.store.gates["settle"] = hold = asyncio.Event()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await shop.store.until_called("settle")

    await engine.stop()
    hold.set()
    await running

    await job.arefresh()
    assert (job.state, job.record.attempt, job.record.token) == (JobState.QUEUED, 0, 1)
    assert (engine.given_back, began) == (1, [])


async def test_jobs_are_found_though_their_notices_were_lost(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 0.01)
    shop.store.deaf_to = frozenset(NoticeKind)
    task = shop.app.task(name="task")(lambda: "found")

    async with shop.working():
        await shop.store.until_called("settle")

        assert await (await task.aenqueue()).aresult(LONGEST_SECONDS) == "found"


async def test_an_engine_whose_lease_is_gone_claims_nothing(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: None)
    await shop.register(lease=timedelta(seconds=10))
    shop.clock.advance(11)
    job = await task.aenqueue()

    async with asyncio.timeout(LONGEST_SECONDS):
        await shop.engine().run(until_idle=True)

    assert (await job.arefresh()).state is JobState.QUEUED


async def test_a_lease_that_ends_under_way_settles_what_ended_and_claims_no_more(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait() -> str:
        await gate_opened(gate)
        return "done"

    first, second = await wait.aenqueue(), await wait.aenqueue()
    async with shop.working(concurrency=1) as engine:
        await shop.until(lambda: engine.running == 1)
        shop.clock.advance(timedelta(days=2))
        gate.set()

        assert await first.aresult(LONGEST_SECONDS) == "done"
    assert (await second.arefresh()).state is JobState.QUEUED
