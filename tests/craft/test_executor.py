"""What becomes of a task's code: every way to end, in a thread and on the loop."""

import asyncio
import dataclasses
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from tests.craft.runs import LONGEST_SECONDS, Bench, claimed, failed
from workmill import App, Cancel, FailureKind, Retry, Snooze
from workmill.craft.task import AnyTask
from workmill.words.outcome import Cancelled, Snoozed, Succeeded


@pytest.fixture(params=["in a thread", "on the loop"])
def task_of(request: pytest.FixtureRequest, app: App) -> Callable[..., AnyTask]:
    """Make a task of what it does, plain or async."""

    def make(does: Callable[[], object], **options: Any) -> AnyTask:
        def plain() -> Any:
            return does()

        async def later() -> Any:
            await asyncio.sleep(0)
            return does()

        return app.task(name="task", **options)(plain if request.param == "in a thread" else later)

    return make


def raising(error: BaseException) -> Callable[[], object]:
    def does() -> None:
        raise error

    return does


async def test_a_value_returned_is_the_result(runner: Bench, task_of: Callable[..., AnyTask]) -> None:
    task = task_of(lambda: {"a": [1, None]})

    assert await runner.outcome_of(claimed(task)) == Succeeded(result=b'{"a":[1,null]}')


async def test_arguments_arrive_as_the_types_of_the_signature(app: App, runner: Bench) -> None:
    @app.task
    def later(by: timedelta, times: int = 2) -> timedelta:
        return by * times

    assert await runner.outcome_of(claimed(later, timedelta(days=1))) == Succeeded(result=b'"P2D"')


async def test_plain_functions_run_in_threads_and_async_ones_on_the_loop(app: App, runner: Bench) -> None:
    @app.task
    def plain() -> bool:
        return threading.current_thread() is threading.main_thread()

    @app.task
    async def asynchronous() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await runner.outcome_of(claimed(plain)) == Succeeded(result=b"false")
    assert await runner.outcome_of(claimed(asynchronous)) == Succeeded(result=b"true")


async def test_an_exception_is_kept_with_the_tasks_own_traceback(
    runner: Bench, task_of: Callable[..., AnyTask]
) -> None:
    def does() -> None:
        {}["missing"]

    failure = failed(await runner.outcome_of(claimed(task_of(does)))).failure

    assert (failure.kind, failure.type, failure.message) == (FailureKind.ERROR, "KeyError", "'missing'")
    assert failure.traceback.startswith("Traceback (most recent call last):\n")
    assert '{}["missing"]' in failure.traceback
    assert "workmill" not in failure.traceback.replace("/tests/", "")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), BaseException("x")])
async def test_what_would_end_a_program_fails_the_job_for_good(
    runner: Bench, task_of: Callable[..., AnyTask], error: BaseException
) -> None:
    outcome = failed(await runner.outcome_of(claimed(task_of(raising(error), retry=Retry(3)))))

    assert outcome.failure.type == type(error).__name__
    assert not outcome.retryable


async def test_sys_exit_in_a_task_ends_the_job_and_not_the_worker(
    runner: Bench, task_of: Callable[..., AnyTask]
) -> None:
    task = task_of(lambda: sys.exit("bye"))

    assert failed(await runner.outcome_of(claimed(task))).failure.message == "bye"
    assert failed(await runner.outcome_of(claimed(task))).failure.message == "bye"


@pytest.mark.parametrize("word", [StopIteration(), StopAsyncIteration(), GeneratorExit()])
async def test_what_only_generators_say_fails_the_job_and_hangs_nothing(
    runner: Bench, task_of: Callable[..., AnyTask], word: BaseException
) -> None:
    failure = failed(await runner.outcome_of(claimed(task_of(raising(word))))).failure

    assert failure.type in {"RuntimeError", type(word).__name__}
    assert type(word).__name__ in failure.traceback
    assert "in does" in failure.traceback


async def test_an_exception_group_keeps_all_that_it_holds(runner: Bench, task_of: Callable[..., AnyTask]) -> None:
    group = ExceptionGroup("two at once", [ValueError("one"), KeyError("two")])

    failure = failed(await runner.outcome_of(claimed(task_of(raising(group))))).failure

    assert failure.type == "ExceptionGroup"
    assert "ValueError: one" in failure.traceback
    assert "KeyError: 'two'" in failure.traceback


async def test_a_cancelled_error_that_nobody_asked_for_is_an_error(
    runner: Bench, task_of: Callable[..., AnyTask]
) -> None:
    outcome = failed(await runner.outcome_of(claimed(task_of(raising(asyncio.CancelledError("stray"))))))

    assert (outcome.failure.type, outcome.failure.message) == ("CancelledError", "stray")
    assert outcome.retryable


async def test_snooze_and_cancel_end_the_attempt_as_they_say(runner: Bench, task_of: Callable[..., AnyTask]) -> None:
    not_text: Any = ValueError("a\ud800b")
    signals = iter([Snooze(timedelta(minutes=2)), Cancel("enough"), Cancel(), Cancel(not_text)])

    def does() -> None:
        raise next(signals)

    task = task_of(does)

    assert await runner.outcome_of(claimed(task)) == Snoozed(after=timedelta(minutes=2))
    assert await runner.outcome_of(claimed(task)) == Cancelled(reason="enough")
    assert await runner.outcome_of(claimed(task)) == Cancelled(reason=None)
    assert await runner.outcome_of(claimed(task)) == Cancelled(reason="a?b")


async def test_retry_sets_the_delay_and_shows_what_went_wrong(runner: Bench, task_of: Callable[..., AnyTask]) -> None:
    def does() -> None:
        try:
            raise OSError("no route")
        except OSError:
            raise Retry(after=30)  # noqa: B904 - the cause is found without `from`, too

    outcome = failed(await runner.outcome_of(claimed(task_of(does))))

    assert outcome.after == timedelta(seconds=30)
    assert outcome.retryable
    assert (outcome.failure.type, outcome.failure.message) == ("OSError", "no route")


async def test_retry_without_a_cause_stands_for_itself(runner: Bench, task_of: Callable[..., AnyTask]) -> None:
    def does() -> None:
        try:
            raise OSError("no route")
        except OSError:
            raise Retry from None

    outcome = failed(await runner.outcome_of(claimed(task_of(does))))

    assert outcome.after is None
    assert outcome.failure.type == "Retry"


@pytest.mark.parametrize(
    ("error", "is_retryable"),
    [
        (ConnectionError(), True),
        (ConnectionResetError(), True),
        (ValueError(), False),
        (ExceptionGroup("", [ConnectionError(), ExceptionGroup("", [TimeoutError()])]), True),
        (ExceptionGroup("", [ConnectionError(), ValueError()]), False),
    ],
)
async def test_only_the_exceptions_named_are_worth_another_attempt(
    runner: Bench, task_of: Callable[..., AnyTask], error: Exception, *, is_retryable: bool
) -> None:
    task = task_of(raising(error), retry=Retry(3, on=(ConnectionError, TimeoutError)))

    assert failed(await runner.outcome_of(claimed(task))).retryable is is_retryable


async def test_arguments_that_do_not_fit_any_more_fail_the_job_for_good(app: App, runner: Bench) -> None:
    @app.task
    def double(number: int) -> int:
        return number * 2

    outcome = failed(await runner.outcome_of(dataclasses.replace(claimed(double, 1), args=b'{"number":"x"}')))

    assert outcome.failure.kind is FailureKind.ARGUMENTS_REJECTED
    assert "#/number" in outcome.failure.message
    assert not outcome.retryable


async def test_invalid_arguments_that_a_task_hands_to_another_are_its_own_error(app: App, runner: Bench) -> None:
    @app.task
    def double(number: int) -> int:
        return number * 2

    @app.task
    def call() -> None:
        double.job("x")  # type: ignore[arg-type] # the mistake of this test's task

    outcome = failed(await runner.outcome_of(claimed(call)))

    assert outcome.failure.kind is FailureKind.ERROR
    assert outcome.retryable


async def test_a_validator_that_breaks_is_an_error_of_the_task(app: App, runner: Bench) -> None:
    class Odd(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def check(cls, number: int) -> int:
            if number == 13:
                raise ZeroDivisionError
            return number

    @app.task
    def take(odd: Odd) -> None: ...

    @app.task
    def give() -> Odd:
        return {"number": 13}  # type: ignore[return-value] # it is checked where it is written

    for job in (dataclasses.replace(claimed(take, Odd(number=1)), args=b'{"odd":{"number":13}}'), claimed(give)):
        failure = failed(await runner.outcome_of(job)).failure
        assert (failure.kind, failure.type) == (FailureKind.ERROR, "ZeroDivisionError")


async def test_a_result_without_a_json_form_fails_the_job_for_good(
    runner: Bench, task_of: Callable[..., AnyTask]
) -> None:
    outcome = failed(await runner.outcome_of(claimed(task_of(object))))

    assert outcome.failure.kind is FailureKind.RESULT_REJECTED
    assert not outcome.retryable
    # It is said in one line: no frame of it is the task's.
    assert outcome.failure.traceback.endswith(f"ResultRejected: {outcome.failure.message}\n")
    assert "line" not in outcome.failure.traceback


async def test_a_task_unknown_here_fails_the_job_and_says_which_are_known(app: App, runner: Bench) -> None:
    @app.task
    def known() -> None: ...

    outcome = failed(await runner.outcome_of(dataclasses.replace(claimed(known), task="gone")))

    assert outcome.failure.type == "UnknownTask"
    assert "registered tasks: known" in outcome.failure.message


async def test_what_ends_within_its_time_limit_is_not_touched(runner: Bench, task_of: Callable[..., AnyTask]) -> None:
    ends = iter([1, ValueError(), TimeoutError("the task's own")])

    def does() -> object:
        end = next(ends)
        return raising(end)() if isinstance(end, Exception) else end

    task = task_of(does, timeout=LONGEST_SECONDS)

    assert await runner.outcome_of(claimed(task)) == Succeeded(result=b"1")
    assert failed(await runner.outcome_of(claimed(task))).failure.type == "ValueError"
    failure = failed(await runner.outcome_of(claimed(task))).failure
    assert (failure.kind, failure.type) == (FailureKind.ERROR, "TimeoutError")
