"""Code around every attempt."""

import asyncio
import threading
from typing import Any

import pytest

from tests.craft.runs import bench, claimed, failed
from workmill import App, CallNext, Cancel, FailureKind, Job, Retry, Snooze, current_job
from workmill.words.outcome import Cancelled, Outcome, Snoozed, Succeeded


async def outcome_through(*layers: Any, does: Any = lambda: 1, timeout: float | None = None) -> Outcome:
    """Run one job through middleware."""
    with App("memory://", middleware=layers) as app:
        task = app.task(name="task", timeout=timeout)(does)
        async with bench(app) as runner:
            return await runner.outcome_of(claimed(task))


async def test_the_first_registered_is_the_outermost() -> None:
    said: list[str] = []

    def saying(name: str) -> Any:
        async def layer(job: Job, call_next: CallNext) -> Any:
            said.append(f"{name} before {job.task}")
            value = await call_next()
            said.append(f"{name} after")
            return value

        return layer

    outcome = await outcome_through(saying("outer"), saying("inner"), does=lambda: said.append("task"))

    assert outcome == Succeeded(result=b"null")
    assert said == ["outer before task", "inner before task", "task", "inner after", "outer after"]


async def test_it_may_replace_the_value() -> None:
    async def doubled(_: Job, call_next: CallNext) -> Any:
        return 2 * await call_next()

    assert await outcome_through(doubled, does=lambda: 21) == Succeeded(result=b"42")


async def test_a_value_that_it_replaces_must_be_of_the_return_type() -> None:
    async def spoilt(_: Job, call_next: CallNext) -> Any:
        return str(await call_next()) + "!"

    def one() -> int:
        return 1

    assert failed(await outcome_through(spoilt, does=one)).failure.kind is FailureKind.RESULT_REJECTED


async def test_it_may_answer_in_place_of_the_task() -> None:
    async def cached(_: Job, call_next: CallNext) -> Any:
        del call_next
        return "cached"

    def never() -> str:
        raise AssertionError

    assert await outcome_through(cached, does=never) == Succeeded(result=b'"cached"')


@pytest.mark.parametrize(
    ("signal", "expected"),
    [(Cancel("closed"), Cancelled(reason="closed")), (Snooze(0), Snoozed(after=Snooze(0).after))],
)
async def test_signals_that_it_raises_count_as_the_tasks(signal: Exception, expected: Outcome) -> None:
    async def closed(_: Job, call_next: CallNext) -> Any:
        del call_next
        raise signal

    assert await outcome_through(closed) == expected


async def test_errors_that_it_raises_count_as_the_tasks() -> None:
    async def broken(_: Job, call_next: CallNext) -> Any:
        await call_next()
        raise OSError("audit log is full")

    failure = failed(await outcome_through(broken)).failure

    assert (failure.kind, failure.type) == (FailureKind.ERROR, "OSError")


async def test_it_may_turn_one_error_into_another() -> None:
    async def patient(_: Job, call_next: CallNext) -> Any:
        try:
            return await call_next()
        except OSError as error:
            raise Retry(after=5) from error

    def fail() -> None:
        raise OSError("no route")

    outcome = failed(await outcome_through(patient, does=fail))

    assert outcome.failure.type == "OSError"
    assert outcome.after is not None


async def test_it_runs_on_the_loop_and_sees_the_job_while_a_plain_task_has_its_thread() -> None:
    seen: list[object] = []

    async def looking(job: Job, call_next: CallNext) -> Any:
        seen.extend([current_job.id == job.id, threading.current_thread() is threading.main_thread()])
        return await call_next()

    def plain() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await outcome_through(looking, does=plain) == Succeeded(result=b"false")
    assert seen == [True, True]


async def test_the_time_limit_is_the_tasks_and_not_the_middlewares() -> None:
    async def slow(_: Job, call_next: CallNext) -> Any:
        await asyncio.sleep(0.02)
        return await call_next()

    async def quick() -> int:
        return 1

    assert await outcome_through(slow, does=quick, timeout=0.01) == Succeeded(result=b"1")


async def test_one_that_is_no_coroutine_function_fails_the_job_and_not_the_worker() -> None:
    assert failed(await outcome_through(lambda _job, _next: 3)).failure.type == "TypeError"
