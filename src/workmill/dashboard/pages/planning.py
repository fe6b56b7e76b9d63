"""Making a schedule of a task, and changing what one does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from workmill import (
    AnyTask,
    InvalidArguments,
    InvalidOption,
    Missed,
    NewJob,
    Overlap,
    ScheduleChanged,
    ScheduleHandle,
    UnknownTask,
    schedule_document,
    when_of,
)
from workmill.dashboard.access import Access
from workmill.dashboard.arguments import ArgumentForm, asked_again, form_for
from workmill.dashboard.body import Sent, read_form
from workmill.dashboard.door import Door
from workmill.dashboard.route import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What is typed of a schedule beside the arguments of its jobs.

    Attributes:
        edition: Of an edit: what the schedule did when the page was made.
    """

    name: str = ""
    when: str = ""
    overlap: str = str(Overlap.SKIP)
    missed: str = str(Missed.ONCE)
    is_active: bool = True
    edition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A page about a schedule that is made or changed: what is typed, and the arguments where its task is known."""

    task: str
    typed: Typed
    form: ArgumentForm | None
    is_new: bool


async def plan_task(request: Request, door: Door) -> Response:
    """Answer `GET /tasks/{task}/schedule`."""
    task = door.app.task_named(request.path_params["task"])
    planned = Planned(task=task.name, typed=Typed(), form=form_for(_schema(task)), is_new=True)
    return _shown(request, door, planned)


async def create_schedule(request: Request, door: Door) -> Response:
    """Answer `POST /tasks/{task}/schedule`: store it, or change the form."""
    task, sent = door.app.task_named(request.path_params["task"]), await read_form(request)
    form, arguments = asked_again(_schema(task), sent.controls)
    planned = Planned(task=task.name, typed=_typed(sent), form=form, is_new=True)
    if arguments is None:
        return _shown(request, door, planned, status=422 if form.places else 200)
    try:
        handle = await _create(door, task, planned.typed, arguments)
    except (InvalidArguments, InvalidOption, ScheduleChanged) as error:
        return _refused(request, door, planned, error)
    return door.redirect(request, "schedule", schedule=handle.name, query={"said": "created"})


async def edit_schedule(request: Request, door: Door) -> Response:
    """Answer `GET /schedules/{schedule}/edit`."""
    handle = await door.app.schedules.aget(request.path_params["schedule"])
    task, plan = _task_of(door, handle), handle.info.plan
    args = schedule_document(handle.info, ())["args"]
    typed = Typed(name=plan.name, when=plan.when, overlap=plan.overlap, missed=plan.missed, edition=handle.edition)
    form = None if task is None else form_for(_schema(task), args)
    return _shown(request, door, Planned(task=plan.task, typed=typed, form=form, is_new=False))


async def change_schedule(request: Request, door: Door) -> Response:
    """Answer `POST /schedules/{schedule}/edit`: change it, if nobody else has meanwhile."""
    sent = await read_form(request)
    handle = await door.app.schedules.aget(request.path_params["schedule"])
    task = _task_of(door, handle)
    form, arguments = (None, {}) if task is None else asked_again(_schema(task), sent.controls)
    typed = replace(_typed(sent), name=handle.name)
    planned = Planned(task=handle.info.plan.task, typed=typed, form=form, is_new=False)
    if arguments is None:
        return _shown(request, door, planned, status=422 if form is not None and form.places else 200)
    try:
        await _change(handle, task, typed, arguments)
    except (InvalidArguments, InvalidOption, ScheduleChanged) as error:
        return _refused(request, door, planned, error)
    return door.redirect(request, "schedule", schedule=handle.name, query={"said": "edited"})


async def _create(door: Door, task: AnyTask, typed: Typed, arguments: Mapping[str, object]) -> ScheduleHandle:
    return await door.app.schedules.acreate(
        typed.name,
        task.job_from_json(json.dumps(arguments).encode()),
        when_of(typed.when),
        active=typed.is_active,
        overlap=typed.overlap,
        missed=typed.missed,
    )


async def _change(handle: ScheduleHandle, task: AnyTask | None, typed: Typed, arguments: Mapping[str, object]) -> None:
    if typed.edition != handle.edition:
        raise ScheduleChanged(handle.name, handle.info.version)
    plan, job = handle.info.plan, None
    if task is not None:
        job = _changed_job(task.using(queue=plan.queue, priority=plan.priority), plan.args, arguments)
    await handle.aedit(job=job, when=when_of(typed.when), overlap=typed.overlap, missed=typed.missed)


def _changed_job(task: AnyTask, before: bytes, arguments: Mapping[str, object]) -> NewJob | None:
    """Return the job of the new arguments; None where they are the old ones, so that nothing else of it changes."""
    job = task.job_from_json(json.dumps(arguments).encode())
    return None if job.args == before else job


def _refused(
    request: Request, door: Door, planned: Planned, error: InvalidArguments | InvalidOption | ScheduleChanged
) -> Response:
    if isinstance(error, InvalidArguments) and planned.form is not None:
        return _shown(request, door, replace(planned, form=planned.form.refused(error.errors)), status=422)
    status = 409 if isinstance(error, ScheduleChanged) else 422
    return _shown(request, door, planned, refusal=str(error), status=status)


def _shown(request: Request, door: Door, planned: Planned, *, refusal: str = "", status: int = 200) -> Response:
    values = {
        "planned": planned,
        "typed": planned.typed,
        "refusal": refusal,
        "overlaps": [str(each) for each in Overlap],
        "misses": [str(each) for each in Missed],
    }
    return door.render(request, "planning.html", values, status=status)


def _task_of(door: Door, handle: ScheduleHandle) -> AnyTask | None:
    try:
        return door.app.task_named(handle.info.plan.task)
    except UnknownTask:
        return None


def _schema(task: AnyTask) -> Mapping[str, object] | None:
    return None if task.problem else task.schema


def _typed(sent: Sent) -> Typed:
    return Typed(
        name=sent.one("_name"),
        when=sent.one("_when"),
        overlap=sent.one("_overlap"),
        missed=sent.one("_missed"),
        is_active=bool(sent.one("_active")),
        edition=sent.one("_edition"),
    )


_TASK, _SCHEDULE = "/tasks/{task}/schedule", "/schedules/{schedule}/edit"
ROUTES = (
    Route(method="GET", path=_TASK, name="task_schedule", needs=Access.ADMIN, handler=plan_task),
    Route(method="POST", path=_TASK, name="task_schedule", needs=Access.ADMIN, handler=create_schedule),
    Route(method="GET", path=_SCHEDULE, name="schedule_edit", needs=Access.ADMIN, handler=edit_schedule),
    Route(method="POST", path=_SCHEDULE, name="schedule_edit", needs=Access.ADMIN, handler=change_schedule),
)
