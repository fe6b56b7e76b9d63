"""Run one job's code and say what became of it. Knows no store: a job goes in, an outcome comes out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

from workmill.craft.evidence import as_failure, one_text
from workmill.craft.middleware import Middleware, chain
from workmill.craft.run import Run
from workmill.craft.signature import ResultRejected
from workmill.craft.task import AnyTask
from workmill.craft.threads import Place
from workmill.words.codec import Json
from workmill.words.errors import InvalidArguments, JobLost, UnknownTask, WorkmillError
from workmill.words.job import Job
from workmill.words.outcome import Cancelled, Failed, FailureKind, Interrupted, Outcome, Returned, Snoozed, Succeeded
from workmill.words.retry import Retry
from workmill.words.signals import Cancel, Snooze


class TimeLimitExceeded(WorkmillError):
    """An attempt ran longer than its task's `timeout`."""

    def __init__(self, limit: timedelta) -> None:
        super().__init__(f"the attempt ran longer than its limit of {limit.total_seconds():g} s")


class Executor:
    """Turns a claimed job into an outcome: find the task, read the arguments, call, write the result.

    Args:
        tasks: The tasks known here, by name.
        middleware: What goes around every call.
        place: Where plain functions run.
        holds_limits: Whether to hold time limits; else somebody else does, and asks the run to end.
    """

    def __init__(
        self,
        tasks: Mapping[str, AnyTask],
        middleware: tuple[Middleware, ...],
        place: Place,
        *,
        holds_limits: bool = True,
    ) -> None:
        self._tasks = tasks
        self._middleware = middleware
        self._place = place
        self._holds_limits = holds_limits

    async def execute(self, run: Run) -> Outcome:
        """Run the job's code to its end; whatever the code raises becomes an outcome, `SystemExit` included.

        An `async def` task is interrupted by cancelling the asyncio task that awaits this, after `run.ask(...)` and
        only once `run.has_begun`; without the former the interruption counts as the task's own error.
        """
        if run.is_asked:
            return ended_as_asked(run)
        run.begin()
        try:
            task = self._find(run)
            arguments = task.signature.load_call(run.job.args)
        except InvalidArguments as error:
            return Failed(failure=as_failure(FailureKind.ARGUMENTS_REJECTED, error), retryable=False)
        except Exception as error:  # noqa: BLE001 - validators of the task's own types may raise anything
            return Failed(failure=as_failure(FailureKind.ERROR, error))
        try:
            value = await self._call(task, run, arguments)
        except BaseException as error:  # noqa: BLE001 - whatever the task's code raises is data here
            outcome = _outcome_of_error(task, run, error)
        else:
            outcome = ended_as_asked(run) if run.is_heeded else _outcome_of_value(task, run, value)
        return outcome if run.loss is None else _interrupted(run.loss)

    def _find(self, run: Run) -> AnyTask:
        task = self._tasks.get(run.job.task)
        if task is None:
            raise UnknownTask(run.job.task, tuple(self._tasks))
        return task

    async def _call(self, task: AnyTask, run: Run, arguments: Mapping[str, Json]) -> Json:
        if self._middleware:
            return await chain(self._middleware, run.job, lambda: self._within_limit(task, run, arguments))()
        return await self._within_limit(task, run, arguments)

    async def _within_limit(self, task: AnyTask, run: Run, arguments: Mapping[str, Json]) -> Json:
        limit = run.job.policy.timeout if self._holds_limits else None
        if task.is_async:
            function = partial(_awaited_within, task, run.job) if task.surroundings else task.function
            return await (function(**arguments) if limit is None else _interrupted_at(limit, function, arguments))
        called = partial(_called_within, task, run.job) if task.surroundings else task.function
        working = self._place.call(partial(called, **arguments))
        return await (working if limit is None else _asked_at(limit, run, working))


def _called_within(task: AnyTask, job: Job, /, **arguments: Json) -> Json:
    with ExitStack() as stack:
        for surrounding in task.surroundings:
            stack.enter_context(surrounding(job))
        return task.function(**arguments)


async def _awaited_within(task: AnyTask, job: Job, /, **arguments: Json) -> Json:
    with ExitStack() as stack:
        for surrounding in task.surroundings:
            stack.enter_context(surrounding(job))
        return await task.function(**arguments)


async def _interrupted_at(
    limit: timedelta, function: Callable[..., Awaitable[Json]], arguments: Mapping[str, Json]
) -> Json:
    within = asyncio.timeout(limit.total_seconds())
    try:
        async with within:
            return await function(**arguments)
    except (TimeoutError, asyncio.CancelledError):  # The latter where it swallowed the first interruption.
        if within.expired():
            raise TimeLimitExceeded(limit) from None
        raise


async def _asked_at(limit: timedelta, run: Run, working: asyncio.Future[Json]) -> Json:
    """Ask the thread to end when its time is over, and wait until it does: no thread can be ended from outside."""
    await asyncio.wait({working}, timeout=limit.total_seconds())
    if working.done():
        return working.result()
    error = TimeLimitExceeded(limit)
    run.ask(str(error))
    await asyncio.wait({working})
    working.exception()  # Whatever it is, it came too late.
    raise error


def _outcome_of_value(task: AnyTask, run: Run, value: Json) -> Outcome:
    if run.finish is not None and run.is_finished and value is None:
        return Succeeded(result=run.finish.result or b"null")
    try:
        return Succeeded(result=task.signature.dump_result(value))
    except ResultRejected as error:
        return Failed(failure=as_failure(FailureKind.RESULT_REJECTED, error), retryable=False)
    except Exception as error:  # noqa: BLE001 - validators of the return type may raise anything
        return Failed(failure=as_failure(FailureKind.ERROR, error))


def _outcome_of_error(task: AnyTask, run: Run, error: BaseException) -> Outcome:
    match error:
        case TimeLimitExceeded():
            return Failed(failure=as_failure(FailureKind.TIMEOUT, error))
        case Retry():
            return Failed(failure=as_failure(FailureKind.ERROR, _cause(error)), after=error.after)
        case Snooze():
            return Snoozed(after=error.after)
        case _ if run.is_asked and (run.is_heeded or task.is_async):
            return ended_as_asked(run)  # It knew, so whatever it raised then is how it ended.
        case Cancel():
            return Cancelled(reason=None if error.reason is None else one_text(error.reason))
        case _:
            return Failed(failure=as_failure(FailureKind.ERROR, error), retryable=_is_worth_retrying(task, error))


def ended_as_asked(run: Run) -> Outcome:
    """Return the outcome of a run that was asked to end, and did."""
    return Returned() if run.is_given_back else Cancelled(reason=run.reason)


def _interrupted(loss: JobLost) -> Interrupted:
    """Return what a rescuer would write too: whatever the code made of its loss, the attempt was cut off."""
    return Interrupted(failure=as_failure(FailureKind.INTERRUPTED, loss))


def _cause(signal: Retry) -> BaseException:
    """Return the error that made the task ask for another attempt, where there is one."""
    return signal.__cause__ or (None if signal.__suppress_context__ else signal.__context__) or signal


def _is_worth_retrying(task: AnyTask, error: BaseException) -> bool:
    if isinstance(error, asyncio.CancelledError):
        return True  # Nobody asked: something that the task awaited was cancelled.
    if isinstance(error, BaseExceptionGroup):
        return error.split(task.retry_on)[1] is None
    return isinstance(error, task.retry_on)
