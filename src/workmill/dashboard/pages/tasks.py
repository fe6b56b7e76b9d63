"""The tasks there are, and for each the form that runs it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from workmill import (
    AnyTask,
    App,
    Count,
    InvalidArguments,
    InvalidOption,
    JobConflict,
    JobHandle,
    JobState,
    QueueFull,
    UniqueConflict,
    task_document,
)
from workmill.dashboard.access import Access
from workmill.dashboard.arguments import ArgumentForm, asked_again, form_for
from workmill.dashboard.body import Sent, read_form
from workmill.dashboard.door import Door
from workmill.dashboard.once import CONTROL, key_of, new_word
from workmill.dashboard.route import Route
from workmill.dashboard.said import said
from workmill.dashboard.typed import seconds, whole
from workmill.dashboard.values import json_block, preview

LATEST = 10
SHOWN_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A task with how its jobs stand."""

    task: AnyTask
    summary: str
    counts: dict[JobState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a form says about the job beside its arguments, as it was typed.

    Attributes:
        once: A key that the page made up, so that sending it twice gives one job.
    """

    queue: str = ""
    priority: str = ""
    delay: str = ""
    key: str = ""
    once: str = ""

    @property
    def is_given(self) -> bool:
        """Whether anything was typed."""
        return bool(self.queue or self.priority or self.delay or self.key)


async def list_tasks(request: Request, door: Door) -> Response:
    """Answer `GET /tasks`."""
    counts = await door.app.acounts()
    listed = [_listed(task, counts) for _, task in sorted(door.app.tasks.items())]
    return door.render(request, "tasks.html", {"tasks": listed, "states": SHOWN_STATES})


async def show_task(request: Request, door: Door) -> Response:
    """Answer `GET /tasks/{task}`."""
    task = _task(request, door.app)
    form = None if task.problem else form_for(task.schema, as_json=bool(request.query_params.get("as")))
    return await _shown(request, door, task, form, Options())


async def run_task(request: Request, door: Door) -> Response:
    """Answer `POST /tasks/{task}`: store a job, or change the form, or only check the arguments."""
    task, sent = _task(request, door.app), await read_form(request)
    options = _options(sent)
    form, arguments = asked_again(task.schema, sent.controls)
    if arguments is None:
        return await _shown(request, door, task, form, options, status=422 if form.places else 200)
    raw = json.dumps(arguments).encode()
    try:
        if sent.one("_do") == "check":
            task.job_from_json(raw)
            return await _shown(request, door, task, form, options, checked=True)
        handle = await _enqueued(task, options, raw)
    except InvalidArguments as error:
        return await _shown(request, door, task, form.refused(error.errors), options, status=422)
    except InvalidOption as error:
        return await _shown(request, door, task, form, options, refusal=str(error), status=422)
    except (JobConflict, QueueFull) as error:
        return await _shown(request, door, task, form, options, refusal=str(error), status=409)
    return door.redirect(request, "job", id=handle.id, query={"said": "enqueued" if handle.created else "known"})


async def _enqueued(task: AnyTask, options: Options, raw: bytes) -> JobHandle[object]:
    chosen = task.using(
        queue=options.queue or None,
        priority=whole("priority", options.priority),
        delay=seconds("delay", options.delay),
    )
    if options.key:
        return await chosen.using(key=options.key).aenqueue_json(raw)
    try:
        return await chosen.using(key=key_of(options.once) or key_of(new_word())).aenqueue_json(raw)
    except UniqueConflict:
        raise
    except JobConflict:  # The page was sent before, and has been changed since: that is another call.
        return await chosen.using(key=key_of(new_word())).aenqueue_json(raw)


async def _shown(
    request: Request,
    door: Door,
    task: AnyTask,
    form: ArgumentForm | None,
    options: Options,
    *,
    refusal: str = "",
    checked: bool = False,
    status: int = 200,
) -> Response:
    latest = (await door.app.ajobs(tasks=[task.name], limit=LATEST)).jobs
    document = task_document(task)
    values = {
        "said": said(request),
        "task": task,
        "document": document,
        "result_schema": None if task.problem else json_block(task.result_schema),
        "schema": None if task.problem else json_block(task.schema),
        "listed": _listed(task, await door.app.acounts()),
        "form_now": form,
        "options": options,
        "once": new_word(),
        "refusal": refusal,
        "checked": checked,
        "jobs": latest,
        "previews": {job.id: preview(job) for job in latest},
    }
    return door.render(request, "task.html", values, status=status)


def _listed(task: AnyTask, counts: Sequence[Count]) -> Listed:
    found: dict[JobState, int] = {}
    for count in counts:
        if count.task == task.name:
            found[count.state] = found.get(count.state, 0) + count.jobs
    return Listed(task=task, summary=task.doc.partition("\n")[0], counts=found)


def _options(sent: Sent) -> Options:
    return Options(
        queue=sent.one("_queue"),
        priority=sent.one("_priority"),
        delay=sent.one("_delay"),
        key=sent.one("_key"),
        once=sent.one(CONTROL),
    )


def _task(request: Request, app: App) -> AnyTask:
    return app.task_named(request.path_params["task"])


ROUTES = (
    Route(method="GET", path="/tasks", name="tasks", needs=Access.READ, handler=list_tasks),
    Route(method="GET", path="/tasks/{task}", name="task", needs=Access.READ, handler=show_task),
    Route(method="POST", path="/tasks/{task}", name="task", needs=Access.OPERATE, handler=run_task),
)
