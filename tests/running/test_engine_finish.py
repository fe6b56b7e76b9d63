"""The engine and attempts that end in a transaction of their task's own: they are not settled again."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import pytest

from tests.craft.joined import Blocking, Given, finishing, given, patched, settle_within
from tests.running.engines import LONGEST_SECONDS, Workshop
from workmill import Ending, FailureKind, JobLost, JobState, Retry, StoreUnavailable, current_job
from workmill.store import Capabilities, Verdict
from workmill.stores.memory import MemoryStore
from workmill.testing import drain
from workmill.words.events import FinishRefused, JobSettled, LateEndIgnored, StaleWriteRefused
from workmill.words.transition import Transition

__all__ = ["given"]
T = TypeVar("T")
CAPABILITIES = Capabilities(name="memory", crosses_processes=False, durability="none", joins=("sqlite3",))
GONE = ConnectionError("the server closed the connection")


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workshop]:
    monkeypatch.setattr(MemoryStore, "capabilities", CAPABILITIES)
    monkeypatch.setattr(MemoryStore, "settle_within", staticmethod(settle_within))
    shop = Workshop()
    with shop.app:
        yield shop


@pytest.fixture
def joined(shop: Workshop, given: Given) -> Given:
    """Give a connection whose commits take effect in the store."""
    return into(shop, given)


def into(shop: Workshop, given: Given) -> Given:
    def store(transition: Transition) -> None:
        settled = done(shop.own_store.settle([transition]))
        assert settled.verdicts == (Verdict.APPLIED,)

    given.on_commit = store
    return given


def done(verb: Coroutine[Any, Any, T]) -> T:
    """Do what the memory store does without waiting, in whichever thread this is."""
    with pytest.raises(StopIteration) as ended:
        verb.send(None)
    answer: T = ended.value.value
    return answer


def result(value: Any) -> Callable[[Any], None]:
    return lambda finish: setattr(finish, "result", value)


async def test_a_job_that_has_ended_itself_is_not_settled_again(shop: Workshop, joined: Given) -> None:
    task = finishing(shop.app, joined, result("stored"))

    async with shop.working(concurrency=1):
        job, next_job = await task.aenqueue(), await task.aenqueue()
        assert await job.aresult(LONGEST_SECONDS) == "stored"
        assert await next_job.aresult(LONGEST_SECONDS) == "stored"
        await shop.until_settled(2)

    assert [(event.job.id, event.transition.state) for event in shop.of(JobSettled)] == [
        (job.id, JobState.SUCCEEDED),
        (next_job.id, JobState.SUCCEEDED),
    ]
    assert [attempt.ending for attempt in await job.aattempts()] == [Ending.SUCCEEDED]
    assert "attempts" not in shop.store.calls  # nothing was refused that had to be looked up
    assert shop.of(StaleWriteRefused) == shop.of(LateEndIgnored) == []


def raise_value_error() -> None:
    raise ValueError("too late")


def snooze() -> None:
    raise Retry


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (lambda: None, None),
        (lambda: "stored", None),
        (lambda: "else", "the function returned something else"),
        (raise_value_error, "ValueError: too late"),
        (snooze, "Retry: "),
    ],
)
async def test_what_comes_after_the_end_changes_nothing_and_is_told(
    shop: Workshop, joined: Given, after: Callable[[], Any], what: str | None
) -> None:
    job = await finishing(shop.app, joined, result("stored"), after).aenqueue()

    async with shop.working():
        await shop.until_settled(1)

    record = (await job.arefresh()).record
    assert (record.state, record.result, record.failure) == (JobState.SUCCEEDED, b'"stored"', None)
    assert [event.what for event in shop.of(LateEndIgnored)] == ([] if what is None else [what])


async def test_a_commit_whose_answer_was_lost_is_not_done_twice(shop: Workshop, joined: Given) -> None:
    joined.failing["commit"] = GONE
    job = await finishing(shop.app, joined, result("stored")).aenqueue()

    async with shop.working():
        await shop.until_settled(1)

    assert (await job.arefresh()).record.result == b'"stored"'
    assert [event.transition.state for event in shop.of(JobSettled)] == [JobState.SUCCEEDED]
    assert shop.of(StaleWriteRefused) == []


async def test_a_commit_that_failed_is_a_failed_attempt(shop: Workshop, given: Given) -> None:
    given.failing["commit"] = GONE
    job = await finishing(shop.app, given).using(retry=Retry(1)).aenqueue()

    async with shop.working():
        await shop.until_settled(1)

    record = (await job.arefresh()).record
    assert record.state is JobState.RETRYING
    assert record.failure is not None
    assert record.failure.type == "ConnectionError"


async def test_what_a_commit_did_may_be_asked_of_a_store_that_fails(shop: Workshop, joined: Given) -> None:
    joined.failing["commit"] = GONE
    shop.store.before["attempts"] = [StoreUnavailable("gone")]
    await finishing(shop.app, joined).aenqueue()

    async with shop.working():
        await shop.until(lambda: bool(shop.of(StaleWriteRefused)))  # all that can be said

    assert shop.of(JobSettled) == []


async def test_a_job_that_was_taken_away_cannot_finish(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    given, gate = patched(monkeypatch, Blocking), threading.Event()
    given.verdict = Verdict.STALE
    said: list[str] = []

    @shop.app.task
    def late() -> str | None:
        assert gate.wait(LONGEST_SECONDS)
        with pytest.raises(JobLost) as raised, current_job.finish_in(given):
            pass
        said.append(raised.value.job_id)
        return "swallowed"

    job = await late.aenqueue()
    async with shop.working() as engine:
        await shop.until(lambda: engine.running == 1)
        await shop.take_away()
        gate.set()
        await shop.until(lambda: bool(shop.of(StaleWriteRefused)))

    assert said == [job.id]
    assert [event.job_id for event in shop.of(FinishRefused)] == [job.id]
    record = (await job.arefresh()).record
    assert (record.state, record.worker) == (JobState.RUNNING, "other")


async def test_a_loss_that_nobody_has_settled_counts_as_a_death(shop: Workshop, given: Given) -> None:
    given.verdict = Verdict.STALE  # the lease has ended, and no rescuer has come yet
    job = await finishing(shop.app, given).aenqueue()

    async with shop.working(concurrency=1):
        await shop.until_settled(3)

    record = (await job.arefresh()).record
    assert (record.state, record.deaths) == (JobState.FAILED, 3)
    assert record.failure is not None
    assert (record.failure.kind, record.failure.type) == (FailureKind.INTERRUPTED, "JobLost")


async def test_a_job_that_was_given_back_too_late_counts_as_finished(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, finished, gate = into(shop, patched(monkeypatch, Blocking)), threading.Event(), threading.Event()

    @shop.app.task
    def slow() -> None:
        with current_job.finish_in(given):
            finished.set()
            assert gate.wait(LONGEST_SECONDS)

    shop.store.gates["settle"] = settling = asyncio.Event()
    settling.set()
    job = await slow.aenqueue()
    async with shop.working() as engine:
        assert await asyncio.to_thread(finished.wait, LONGEST_SECONDS)
        settling.clear()
        await engine.stop(grace=0.0)
        await shop.store.until_called("settle", 3)
        gate.set()
        await (await shop.app.ajob(job.id)).arefresh(LONGEST_SECONDS)
        settling.set()
        await shop.until_settled(1)

    assert [event.transition.state for event in shop.of(JobSettled)] == [JobState.SUCCEEDED]
    assert shop.of(StaleWriteRefused) == []


async def test_progress_that_is_overtaken_by_the_job_s_own_end_is_no_stale_write(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, loop, hold = into(shop, patched(monkeypatch, Blocking)), asyncio.get_running_loop(), asyncio.Event()
    shop.store.gates["report"] = hold

    def tell(_: Any) -> None:
        current_job.progress(1, 2)
        asyncio.run_coroutine_threadsafe(shop.store.until_called("report"), loop).result(LONGEST_SECONDS)

    other = shop.app.task(name="other")(lambda: current_job.progress(1))
    await finishing(shop.app, given, tell).aenqueue()
    async with shop.working():
        await shop.until_settled(1)
        hold.set()
        await (await other.aenqueue()).aresult(LONGEST_SECONDS)  # its progress is written after what came before

    assert shop.of(StaleWriteRefused) == []


async def test_a_drain_goes_on_after_a_job_that_ended_itself(shop: Workshop, joined: Given) -> None:
    task = finishing(shop.app, joined, result(1))
    jobs = [await task.aenqueue() for _ in range(3)]

    assert await asyncio.to_thread(drain, shop.app) == 3
    assert [(await job.arefresh()).record.result for job in jobs] == [b"1"] * 3
