"""Tasks of Django's own API as tasks of ours: the same function, with its arguments in a list and a dictionary."""

import inspect
import json
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import replace

from django.utils import timezone  # type: ignore[import-untyped] # it has no types
from pydantic import JsonValue

from workmill import AnyTask, App, current_job
from workmill.contrib.django.tasks_api import (
    Task,
    TaskContext,
    TaskError,
    TaskResult,
    TaskResultStatus,
    task_finished,
    task_started,
)


def adopted(app: App, task: Task) -> AnyTask:
    """Return our task of a task of Django's, which it becomes with the first call."""
    name = task.module_path
    if name not in app.tasks:
        app.task(name=name)(_awaited(task) if inspect.iscoroutinefunction(task.func) else _plain(task))
    return app.tasks[name]


def _plain(task: Task) -> Callable[..., JsonValue]:
    def run(args: list[JsonValue], kwargs: dict[str, JsonValue]) -> JsonValue:
        backend = task.get_backend()
        result = backend.get_result(current_job.id)
        task_started.send(type(backend), task_result=result)
        try:
            value = _normal(task.func(*_context(task, result), *args, **kwargs))
        except BaseException as error:
            task_finished.send(type(backend), task_result=_failed(result, error))
            raise
        task_finished.send(type(backend), task_result=_succeeded(result, value))
        return value

    return run


def _awaited(task: Task) -> Callable[..., Coroutine[None, None, JsonValue]]:
    async def run(args: list[JsonValue], kwargs: dict[str, JsonValue]) -> JsonValue:
        backend = task.get_backend()
        result = await backend.aget_result(current_job.id)
        await task_started.asend(type(backend), task_result=result)
        try:
            value = _normal(await task.func(*_context(task, result), *args, **kwargs))
        except BaseException as error:
            await task_finished.asend(type(backend), task_result=_failed(result, error))
            raise
        await task_finished.asend(type(backend), task_result=_succeeded(result, value))
        return value

    return run


def _context(task: Task, result: TaskResult) -> tuple[TaskContext, ...]:
    return (TaskContext(task_result=result),) if task.takes_context else ()


def _normal(value: object) -> JsonValue:
    """Return a value as it will be read again, such as a list for a tuple."""
    normal: JsonValue = json.loads(json.dumps(value))
    return normal


def _succeeded(result: TaskResult, value: JsonValue) -> TaskResult:
    ended = replace(result, status=TaskResultStatus.SUCCESSFUL, finished_at=timezone.now())
    object.__setattr__(ended, "_return_value", value)  # as Django's own backends do
    return ended


def _failed(result: TaskResult, error: BaseException) -> TaskResult:
    kind = type(error)
    said = TaskError(
        exception_class_path=f"{kind.__module__}.{kind.__qualname__}",
        traceback="".join(traceback.format_exception(error)),
    )
    return replace(result, status=TaskResultStatus.FAILED, finished_at=timezone.now(), errors=[*result.errors, said])
