"""A backend of Django's own tasks API: what its `@task` declares runs as jobs of ours."""

import builtins
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.apps import apps  # type: ignore[import-untyped] # it has no types
from django.db import DEFAULT_DB_ALIAS  # type: ignore[import-untyped] # it has no types
from django.utils import timezone  # type: ignore[import-untyped] # it has no types

from workmill import AnyTask, Attempt, ConfigError, Failure, Job, JobHandle, JobNotFound, JobState, NewJob
from workmill.contrib.django.adopting import adopted
from workmill.contrib.django.apps import WorkmillConfig
from workmill.contrib.django.settings import application
from workmill.contrib.django.tasks_api import (
    BaseTaskBackend,
    Task,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task_enqueued,
)
from workmill.contrib.django.transactions import enqueue_with

OPTIONS = ("on_commit", "database")
STATUS = {
    JobState.RUNNING: TaskResultStatus.RUNNING,
    JobState.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    JobState.FAILED: TaskResultStatus.FAILED,
    JobState.CANCELLED: TaskResultStatus.FAILED,
}
"""What Django calls the states of a job; all others are `READY`."""


class WorkmillBackend(BaseTaskBackend):  # type: ignore[misc] # it has no types
    """Stores tasks of Django's API as jobs, under the name of their function's module and their own.

    Its `OPTIONS`: with `on_commit` a task is stored with the present transaction, as by `enqueue_with`; `database`
    names whose, else the default one's.

    Raises:
        ConfigError: There is no such option, or `workmill.contrib.django` is not among `INSTALLED_APPS`.
    """

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: Mapping[str, object]) -> None:
        super().__init__(alias, params)
        for name in self.options:
            if name not in OPTIONS:
                raise ConfigError(f"TASKS[{alias!r}] has no option {name!r}; it may have {' and '.join(OPTIONS)}")
        if not apps.is_installed(WorkmillConfig.name):
            raise ConfigError(f"TASKS[{alias!r}] needs {WorkmillConfig.name!r} in INSTALLED_APPS")

    def validate_task(self, task: Task) -> None:
        """Refuse what cannot be run, and make a task of ours of what can."""
        super().validate_task(task)
        apps.get_app_config(WorkmillConfig.label).declare(task)

    def enqueue(self, task: Task, args: Sequence[object], kwargs: Mapping[str, object]) -> TaskResult:
        """Store a job of a call. On return it is committed, unless `on_commit` says when."""
        self.validate_task(task)
        new = self._new(adopted(application(), task), task, list(args), dict(kwargs))
        if self.options.get("on_commit"):
            enqueue_with(new, using=self.options.get("database", DEFAULT_DB_ALIAS))
        else:
            application().enqueue_many([new])
        result = self._ready(task, new, list(args), dict(kwargs))
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> TaskResult:
        """Return what became of a task.

        Raises:
            TaskResultDoesNotExist: No task of this API has this id, or its keep time is over.
        """
        try:
            handle = application().job(result_id)
            task = self._declared(handle)
            return self._result(task, handle.record, handle.attempts())
        except JobNotFound:
            raise TaskResultDoesNotExist(result_id) from None

    def _new(self, ours: AnyTask, task: Task, args: Sequence[object], kwargs: Mapping[str, object]) -> NewJob:
        moment = task.run_after
        if moment is not None and timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        return ours.using(queue=task.queue_name, priority=task.priority, run_after=moment).job(args, kwargs)

    def _declared(self, handle: JobHandle[object]) -> Task:
        declared = apps.get_app_config(WorkmillConfig.label).declared
        if handle.record.task not in declared:
            raise JobNotFound(handle.id)
        job = handle.record
        task = declared[job.task]
        return replace(task, queue_name=job.queue, priority=job.priority, run_after=job.run_at, backend=self.alias)

    def _ready(self, task: Task, new: NewJob, args: list[object], kwargs: dict[str, object]) -> TaskResult:
        return TaskResult(
            task=task,
            id=new.id,
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )

    def _result(self, task: Task, job: Job, attempts: Sequence[Attempt]) -> TaskResult:
        call = json.loads(job.args)
        is_running = job.state == JobState.RUNNING
        workers = [each.worker or "" for each in attempts] + ([job.worker or ""] if is_running else [])
        result = TaskResult(
            task=task,
            id=job.id,
            status=STATUS.get(job.state, TaskResultStatus.READY),
            enqueued_at=job.created_at,
            started_at=attempts[0].started_at if attempts else job.started_at,
            last_attempted_at=job.started_at,
            finished_at=job.finished_at,
            args=call["args"],
            kwargs=call["kwargs"],
            backend=self.alias,
            errors=[_error(each.failure) for each in attempts if each.failure is not None],
            worker_ids=workers,
        )
        if job.state == JobState.SUCCEEDED:
            object.__setattr__(
                result, "_return_value", json.loads(job.result or b"null")
            )  # as Django's own backends do
        return result


def _error(failure: Failure) -> TaskError:
    path = f"builtins.{failure.type}" if hasattr(builtins, failure.type) else failure.type
    return TaskError(exception_class_path=path, traceback=failure.traceback)
