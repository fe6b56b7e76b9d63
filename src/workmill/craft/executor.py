"""Run one job's code and say what became of it. Knows no store: a job goes in, an outcome comes out."""

import asyncio
import contextvars
import traceback
from collections.abc import Mapping
from concurrent.futures import Executor as Threads
from datetime import timedelta
from types import TracebackType

from workmill.craft.context import Run
from workmill.craft.middleware import Middleware, chain
from workmill.craft.signature import ResultRejected
from workmill.craft.task import AnyTask
from workmill.words.codec import Json
from workmill.words.errors import InvalidArguments, UnknownTask, WorkmillError
from workmill.words.outcome import Cancelled, Failed, Failure, FailureKind, Outcome, Returned, Snoozed, Succeeded
from workmill.words.retry import Retry
from workmill.words.signals import Cancel, Snooze

TRACEBACK_CHARACTERS = 32_768
"""A longer traceback keeps its end, where the cause is."""


class TimeLimitExceeded(WorkmillError):
    """An attempt ran longer than its task's `timeout`."""

    def __init__(self, limit: timedelta) -> None:
        super().__init__(f"the attempt ran longer than its limit of {limit.total_seconds():g} s")


class Executor:
    """Turns a claimed job into an outcome: find the task, read the arguments, call, write the result.

    Args:
        tasks: The tasks known here, by name.
        middleware: What goes around every call.
        threads: Where plain functions run.
    """

    def __init__(self, tasks: Mapping[str, AnyTask], middleware: tuple[Middleware, ...], threads: Threads) -> None:
        self._tasks = tasks
        self._middleware = middleware
        self._threads = threads

    async def execute(self, run: Run) -> Outcome:
        """Run the job's code to its end; whatever the code raises becomes an outcome.

        An `async def` task is interrupted by cancelling the asyncio task that awaits this, after `run.ask(...)`;
        without the latter the interruption counts as the task's own error.
        """
        try:
            task = self._find(run)
            arguments = task.signature.load_call(run.job.args)
            value = await self._call(task, run, arguments)
            return _heeded(run) or Succeeded(result=task.signature.dump_result(value))
        except (Retry, Snooze, Cancel) as signal:
            return _signalled(signal)
        except InvalidArguments as error:
            return Failed(failure=_failure(FailureKind.ARGUMENTS_REJECTED, error), retryable=False)
        except ResultRejected as error:
            return Failed(failure=_failure(FailureKind.RESULT_REJECTED, error), retryable=False)
        except TimeLimitExceeded as error:
            return Failed(failure=_failure(FailureKind.TIMEOUT, error))
        except asyncio.CancelledError as error:
            return _heeded(run, interrupted=True) or Failed(failure=_failure(FailureKind.ERROR, error))
        except Exception as error:  # noqa: BLE001 - whatever the task's code raises is data here
            return Failed(failure=_failure(FailureKind.ERROR, error), retryable=self._is_worth_retrying(run, error))

    def _find(self, run: Run) -> AnyTask:
        task = self._tasks.get(run.job.task)
        if task is None:
            raise UnknownTask(run.job.task, tuple(self._tasks))
        return task

    async def _call(self, task: AnyTask, run: Run, arguments: dict[str, Json]) -> Json:
        run.enter()
        if self._middleware:
            return await chain(self._middleware, run.job, lambda: self._within_limit(task, run, arguments))()
        return await self._within_limit(task, run, arguments)

    async def _within_limit(self, task: AnyTask, run: Run, arguments: dict[str, Json]) -> Json:
        limit = run.job.policy.timeout
        if limit is None:
            return await (task.function(**arguments) if task.is_async else self._in_thread(task, arguments))
        if task.is_async:
            return await _interrupted_at(limit, task, arguments)
        return await self._asked_at(limit, task, run, arguments)

    async def _asked_at(self, limit: timedelta, task: AnyTask, run: Run, arguments: dict[str, Json]) -> Json:
        """Ask the thread to end when its time is over, and wait until it does: no thread can be ended from outside."""
        working = asyncio.ensure_future(self._in_thread(task, arguments))
        try:
            await asyncio.wait({working}, timeout=limit.total_seconds())
            if working.done():
                return await working
            error = TimeLimitExceeded(limit)
            run.ask(str(error))
            await asyncio.gather(working, return_exceptions=True)
            raise error
        finally:
            working.cancel()

    async def _in_thread(self, task: AnyTask, arguments: dict[str, Json]) -> Json:
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: context.run(task.function, **arguments))

    def _is_worth_retrying(self, run: Run, error: Exception) -> bool:
        task = self._tasks.get(run.job.task)
        return task is None or isinstance(error, task.retry_on)


async def _interrupted_at(limit: timedelta, task: AnyTask, arguments: dict[str, Json]) -> Json:
    within = asyncio.timeout(limit.total_seconds())
    try:
        async with within:
            return await task.function(**arguments)
    except TimeoutError:
        if within.expired():
            raise TimeLimitExceeded(limit) from None
        raise


def _heeded(run: Run, *, interrupted: bool = False) -> Outcome | None:
    """Return how a run ends that was asked to end and did, or None where it was not asked or did not look."""
    if not run.is_asked or not (interrupted or run.is_heeded):
        return None
    return Returned() if run.is_given_back else Cancelled(reason=run.reason)


def _signalled(signal: Retry | Snooze | Cancel) -> Outcome:
    match signal:
        case Retry():
            return Failed(failure=_failure(FailureKind.ERROR, signal.__cause__ or signal), after=signal.after)
        case Snooze():
            return Snoozed(after=signal.after)
        case Cancel():
            return Cancelled(reason=signal.reason)


def _failure(kind: FailureKind, error: BaseException) -> Failure:
    trace = "".join(traceback.format_exception(type(error), error, _from_the_task(error.__traceback__)))
    return Failure(
        kind=kind, type=type(error).__qualname__, message=_text(error), traceback=trace[-TRACEBACK_CHARACTERS:]
    )


def _from_the_task(trace: TracebackType | None) -> TracebackType | None:
    """Skip the frames that lead to the task: a reader wants the task's own."""
    last_of_ours = None
    step = trace
    while step is not None:
        if step.tb_frame.f_globals.get("__name__") == __name__:
            last_of_ours = step
        step = step.tb_next
    own = trace if last_of_ours is None else last_of_ours.tb_next
    return own or trace


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a stranger's __str__ may do anything
        return f"(its text could not be made: {type(broken).__name__})"
