"""The engine when things fail: the store, its answers, its listeners, and the engine itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.running.engines import LONGEST_SECONDS, Workshop, gate_opened
from workmill import FailureKind, JobState, StoreError, StoreUnavailable, current_job
from workmill.running import patience
from workmill.store import NoticeKind, Settled
from workmill.words.events import DutyFailed, JobSettled, JobStarted, StaleWriteRefused, StoreFailing
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


async def test_a_store_that_fails_for_a_while_costs_nothing_but_time(shop: Workshop) -> None:
    runs: list[int] = []
    task = shop.app.task(name="note")(lambda number: runs.append(number))  # noqa: PLW0108 - it needs a parameter's name
    handles = await shop.app.aenqueue_many([task.job(number) for number in range(20)])
    shop.store.before["settle"] = [GONE] * 5

    async with shop.working():
        await shop.until(lambda: len(shop.of(StoreFailing)) == 5)
        shop.store.before["settle"] = [GONE] * 5
        await shop.until_settled(20)

    assert sorted(runs) == list(range(20))
    assert {(await handle.arefresh()).state for handle in handles} == {JobState.SUCCEEDED}
    assert shop.of(StoreFailing)[0].verb == "settle and claim"
    assert shop.of(StaleWriteRefused) == []


async def test_jobs_whose_claim_was_answered_to_nobody_are_found_and_run(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "done")
    handles = await shop.app.aenqueue_many([task.job() for _ in range(3)])
    shop.store.after["settle"] = [GONE]

    async with shop.working():
        assert [await handle.aresult(LONGEST_SECONDS) for handle in handles] == ["done"] * 3

    assert [handle.record.attempt for handle in handles] == [1, 1, 1]
    assert shop.of(StaleWriteRefused) == []


async def test_ends_whose_settling_was_answered_to_nobody_are_told_as_settled(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait() -> str:
        await gate_opened(gate)
        return "done"

    handles = await shop.app.aenqueue_many([wait.job() for _ in range(8)])
    async with shop.working(concurrency=4):
        await shop.until(lambda: len(shop.of(JobStarted)) == 4)
        shop.store.after["settle"] = [GONE, GONE]
        gate.set()
        await shop.until_settled(8)

    assert [await handle.aresult(0) for handle in handles] == ["done"] * 8
    assert [handle.record.attempt for handle in handles] == [1] * 8
    assert sorted(event.job.id for event in shop.of(JobSettled)) == sorted(handle.id for handle in handles)
    assert shop.of(StaleWriteRefused) == []


async def test_a_repeated_end_that_another_claim_overtook_is_told_as_refused(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait() -> str:
        await gate_opened(gate)
        return "done"

    job = await wait.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        shop.store.before["settle"] = [GONE]
        await shop.take_away()
        gate.set()
        await shop.until(lambda: bool(shop.of(StaleWriteRefused)))

    assert shop.of(JobSettled) == []
    assert (await job.arefresh()).record.worker == "other"


async def test_a_lost_claim_is_given_back_though_the_engine_drains(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "done")
    job = await task.aenqueue()
    await shop.register()
    shop.store.after["settle"] = [GONE]
    shop.store.gates["settle"] = hold = asyncio.Event()
    engine = shop.engine()
    running = asyncio.create_task(engine.run())
    await shop.store.until_called("settle")

    engine.drain()
    hold.set()
    await running

    assert (await job.arefresh()).state is JobState.SUCCEEDED


async def test_the_store_may_fail_while_lost_claims_are_looked_for(shop: Workshop) -> None:
    job = await shop.app.task(name="task")(lambda: "done").aenqueue()
    shop.store.after["settle"], shop.store.before["held"] = [GONE], [GONE, GONE]

    async with shop.working():
        assert await job.aresult(LONGEST_SECONDS) == "done"


async def test_whether_an_end_was_stored_is_asked_and_the_store_may_fail_there_too(shop: Workshop) -> None:
    gate = asyncio.Event()

    @shop.app.task
    async def wait() -> None:
        await gate_opened(gate)

    await wait.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        shop.store.after["settle"], shop.store.before["attempts"] = [GONE], [GONE]
        gate.set()
        await shop.until(lambda: bool(shop.of(StaleWriteRefused)))  # all that can be said

    assert shop.of(JobSettled) == []


async def test_a_listener_that_fails_is_opened_anew(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "heard")
    shop.store.before["listen"], shop.store.before["next"] = [GONE, GONE], [GONE]

    async with shop.working():
        await shop.store.until_called("listen", 4)

        assert await (await task.aenqueue()).aresult(LONGEST_SECONDS) == "heard"
    assert [event.verb for event in shop.of(StoreFailing)] == ["listen"] * 3


async def test_a_cancel_that_cannot_be_looked_up_is_found_later(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 0.01)

    @shop.app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    job = await sleepy.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        shop.store.before["get"] = [GONE]
        await job.acancel()

        assert (await job.arefresh(LONGEST_SECONDS)).state is JobState.CANCELLED


async def test_progress_that_could_not_be_written_is_written_later(shop: Workshop) -> None:
    @shop.app.task
    async def work() -> None:
        current_job.progress(3)

    job = await work.aenqueue()
    shop.store.before["report"] = [GONE, GONE]
    async with shop.working():
        await job.aresult(LONGEST_SECONDS)

    assert job.record.progress is not None
    assert shop.store.calls.count("report") == 3


async def test_progress_that_could_not_be_written_is_written_while_the_job_runs(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.running.reports.REPORT_SECONDS", 0.001)
    gate = asyncio.Event()

    @shop.app.task
    async def work() -> None:
        current_job.progress(3)
        await gate_opened(gate)

    job = await work.aenqueue()
    shop.store.before["report"] = [GONE]
    async with shop.working():
        await shop.store.until_called("report", 2)
        await job.arefresh(LONGEST_SECONDS, since=2)

        assert job.record.progress is not None
        gate.set()


async def test_progress_that_the_store_refuses_is_dropped_and_the_job_goes_on(shop: Workshop) -> None:
    @shop.app.task
    async def work() -> str:
        current_job.progress(3)
        return "done"

    job = await work.aenqueue()
    shop.store.before["report"] = [StoreError("such a number")]
    async with shop.working():
        assert await job.aresult(LONGEST_SECONDS) == "done"

    assert job.record.progress is None
    assert [event.verb for event in shop.of(StoreFailing)] == ["report progress"]


def refusing(shop: Workshop, job_id: str, *, always: bool = False) -> None:
    """Let the store refuse whatever ends a job with success, or however it ends."""
    settle = type(shop.store).settle

    async def refuse(transitions: Any, claim: Any = None) -> Settled:
        for each in transitions:
            if each.job_id == job_id and (always or each.state is JobState.SUCCEEDED):
                raise StoreError("a value that the file cannot hold")
        return await settle(shop.store, transitions, claim)

    shop.store.settle = refuse  # type: ignore[method-assign] # a store that cannot take one row


async def test_an_end_that_the_store_cannot_take_fails_its_job_and_harms_no_other(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "done")
    handles = await shop.app.aenqueue_many([task.job() for _ in range(6)])
    refusing(shop, handles[1].id)

    async with shop.working():
        await shop.until_settled(6)

    states = [(await handle.arefresh()).state for handle in handles]
    assert states == [JobState.SUCCEEDED, JobState.FAILED, *[JobState.SUCCEEDED] * 4]
    failure = handles[1].record.failure
    assert failure is not None
    assert (failure.kind, failure.message) == (FailureKind.ERROR, "a value that the file cannot hold")


async def test_a_job_that_the_store_cannot_end_at_all_is_told_and_left_to_a_rescuer(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "done")
    handles = await shop.app.aenqueue_many([task.job() for _ in range(6)])
    refusing(shop, handles[1].id, always=True)

    async with shop.working():
        await shop.until_settled(5)
        await shop.until(lambda: bool(shop.of(DutyFailed)))

    assert [(await handle.arefresh()).state for handle in handles].count(JobState.SUCCEEDED) == 5
    assert handles[1].record.state is JobState.RUNNING
    assert shop.of(DutyFailed)[0].duty == f"settle job {handles[1].id}"


async def test_the_store_may_fail_while_ends_are_settled_apart(shop: Workshop) -> None:
    task = shop.app.task(name="task")(lambda: "done")
    handles = await shop.app.aenqueue_many([task.job() for _ in range(4)])
    async with shop.working():
        await shop.until(lambda: len(shop.of(JobStarted)) == 4)
        shop.store.before["settle"] = [StoreError("something in it"), GONE, StoreError("something in it"), GONE]
        await shop.until_settled(4)

    assert [await handle.aresult(0) for handle in handles] == ["done"] * 4


async def test_the_jobs_own_notices_may_all_be_lost_and_nothing_is(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.running.engine.POLL_SECONDS", 0.01)
    shop.store.deaf_to = frozenset(NoticeKind)
    shop.store.before["settle"] = [GONE]
    shop.store.after["settle"] = [GONE]
    task = shop.app.task(name="task")(lambda: "done")

    async with shop.working(concurrency=2):
        handles = [await task.aenqueue() for _ in range(5)]

        assert [await handle.aresult(LONGEST_SECONDS) for handle in handles] == ["done"] * 5
