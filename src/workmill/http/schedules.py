"""`/v1/schedules`: look at them, make and change them, start, stop and trigger them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from workmill import (
    AnyTask,
    App,
    InvalidArguments,
    InvalidOption,
    JobHandle,
    Missed,
    NewJob,
    Overlap,
    ScheduleChanged,
    ScheduleHandle,
    UnknownTask,
    When,
    job_document,
    outcome_document,
    schedule_document,
    upcoming,
    when_of,
)
from workmill.http.answer import address, dump, json_answer
from workmill.http.batch import ARGS, PRIORITY, QUEUE_NAME, TASK_NAME
from workmill.http.body import read_object
from workmill.http.fields import Field, Fields, flag, object_schema, refuse_places, seconds
from workmill.http.parameters import CURSOR, LIMIT, LONGEST_DELAY_SECONDS, USUAL_PAGE
from workmill.http.preconditions import if_match
from workmill.http.problem import PRECONDITION_FAILED, PRECONDITION_REQUIRED, SCHEDULE_BUSY, Document, Problem
from workmill.http.query import Query
from workmill.http.submit import error_place

SHOWN_TICKS = 5
SHOWN_OUTCOMES = 20
LONGEST_WHEN = 400


def _read_when(value: object) -> When:
    if not isinstance(value, str) or len(value) > LONGEST_WHEN:
        raise ValueError("write `cron 0 9 * * 1-5 Europe/Berlin`, `every 30` or `loop 15`")
    try:
        return when_of(value)
    except InvalidOption as error:
        raise ValueError(error.remedy) from None


def _one_of(name: str, description: str, words: type[Overlap | Missed]) -> Field[str]:
    known = [str(word) for word in words]

    def read(value: object) -> str:
        if value not in known:
            raise ValueError(f"give one of {', '.join(known)}")
        return str(value)

    return Field(name=name, description=description, schema={"type": "string", "enum": known}, read=read)


WHEN = Field(
    name="when",
    description="`cron 0 9 * * 1-5 Europe/Berlin`, `every 30` or `loop 15`: lengths of time in seconds.",
    schema={"type": "string", "maxLength": LONGEST_WHEN, "pattern": "^(cron|every|loop) [ -~]+$"},
    read=_read_when,
)
NEEDED_WHEN = Field(name=WHEN.name, description=WHEN.description, schema=WHEN.schema, read=WHEN.read, is_required=True)
OVERLAP = _one_of("overlap", "What becomes of a tick while a job of it has not ended.", Overlap)
MISSED = _one_of("missed", "What becomes of ticks while no worker ran.", Missed)
ACTIVE = flag("active", "Whether it begins at once; true unless given.")
DELAY = seconds("delay", "How long from now its first job is due.", most=LONGEST_DELAY_SECONDS)
CANCEL_RUNNING = flag("cancel_running", "Cancel those of its jobs that run, too.")
NEW = (TASK_NAME, ARGS, NEEDED_WHEN, QUEUE_NAME, PRIORITY, OVERLAP, MISSED, ACTIVE)
EDIT = (ARGS, WHEN, QUEUE_NAME, PRIORITY, OVERLAP, MISSED)
START, STOP = (DELAY, ARGS), (CANCEL_RUNNING,)
FILTERS = (LIMIT, CURSOR)


async def list_schedules(request: Request, app: App) -> Response:
    """Answer `GET /v1/schedules`."""
    query = Query(request, FILTERS)
    page = await app.schedules.alist(limit=query.one(LIMIT) or USUAL_PAGE, cursor=query.one(CURSOR))
    now = await app.anow()
    items = [schedule_document(each.info, _following(each, now)) for each in page.schedules]
    return json_answer({"items": items, "next_cursor": page.next_cursor})


async def show_schedule(request: Request, app: App) -> Response:
    """Answer `GET /v1/schedules/{schedule}`."""
    Query(request, ())
    handle = await _handle(request, app)
    return await _shown(app, handle, outcomes=await handle.ahistory(SHOWN_OUTCOMES))


async def put_schedule(request: Request, app: App) -> Response:
    """Answer `PUT /v1/schedules/{schedule}`: 201 where it is new; an edit needs If-Match."""
    Query(request, ())
    name, tag = request.path_params["schedule"], if_match(request)
    fields = Fields(await read_object(request), NEW)
    job, when = _job(app, str(fields.one(TASK_NAME)), fields, "#/args"), fields.one(NEEDED_WHEN)
    assert when is not None  # noqa: S101 - else it was refused; for the type checker
    overlap, missed = fields.one(OVERLAP) or Overlap.SKIP, fields.one(MISSED) or Missed.ONCE
    if tag is not None:
        handle = _as_seen(await app.schedules.aget(name), tag)
        return await _shown(app, await handle.aedit(job=job, when=when, overlap=overlap, missed=missed))
    is_active = fields.one(ACTIVE) is not False
    try:
        handle = await app.schedules.acreate(name, job, when, active=is_active, overlap=overlap, missed=missed)
    except ScheduleChanged as error:
        raise _needs_version(error) from None
    return await _shown(app, handle, status=201, headers={"Location": address(request, f"/v1/schedules/{name}")})


async def patch_schedule(request: Request, app: App) -> Response:
    """Answer `PATCH /v1/schedules/{schedule}`: what is not given stays; needs If-Match."""
    Query(request, ())
    tag = if_match(request)
    fields = Fields(await read_object(request), EDIT)
    handle = await _handle(request, app)
    if tag is None:
        raise _needs_version(None)
    _as_seen(handle, tag)
    job = None
    if any(fields.one(each) is not None for each in (ARGS, QUEUE_NAME, PRIORITY)):
        job = _edited_job(app, handle, fields)
    await handle.aedit(job=job, when=fields.one(WHEN), overlap=fields.one(OVERLAP), missed=fields.one(MISSED))
    return await _shown(app, handle)


async def delete_schedule(request: Request, app: App) -> Response:
    """Answer `DELETE /v1/schedules/{schedule}`."""
    Query(request, ())
    await (await _handle(request, app)).adelete()
    return Response(status_code=204)


async def start_schedule(request: Request, app: App) -> Response:
    """Answer `POST /v1/schedules/{schedule}/start`."""
    Query(request, ())
    fields = Fields(await read_object(request), START)
    handle = await _handle(request, app)
    job = None if fields.one(ARGS) is None else _job(app, handle.info.plan.task, fields, "#/args")
    await handle.astart(fields.one(DELAY), job=job)
    return await _shown(app, handle)


async def stop_schedule(request: Request, app: App) -> Response:
    """Answer `POST /v1/schedules/{schedule}/stop`; safe to repeat."""
    Query(request, ())
    fields = Fields(await read_object(request), STOP)
    handle = await _handle(request, app)
    await handle.astop(cancel_running=fields.one(CANCEL_RUNNING) is True)
    return await _shown(app, handle)


async def trigger_schedule(request: Request, app: App) -> Response:
    """Answer `POST /v1/schedules/{schedule}/trigger`: 202 with the job."""
    Query(request, ())
    Fields(await read_object(request), ())
    handle = await _handle(request, app)
    job = await handle.atrigger()
    if job is None:
        detail = f"a job of schedule {handle.name} has not ended, and its overlap rule makes no other beside it"
        raise Problem(SCHEDULE_BUSY, detail, members={"name": handle.name, "id": handle.info.last_job})
    location = address(request, f"/v1/jobs/{job.id}")
    return json_answer(job_document(job.record), status=202, headers={"Location": location})


async def _handle(request: Request, app: App) -> ScheduleHandle:
    return await app.schedules.aget(request.path_params["schedule"])


async def _shown(
    app: App,
    handle: ScheduleHandle,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    outcomes: Sequence[JobHandle[object]] | None = None,
) -> Response:
    body: Document = schedule_document(handle.info, _following(handle, await app.anow()))
    if outcomes is not None:
        body["outcomes"] = [outcome_document(job.record) for job in outcomes]
    tag = {"ETag": f'"{handle.edition}"', "Cache-Control": "private, no-cache"}
    return json_answer(body, status=status, headers={**tag, **(headers or {})})


def _following(handle: ScheduleHandle, now: datetime) -> list[datetime]:
    """Return the next times; none where the time zone is unknown here."""
    try:
        return upcoming(handle.info, now, SHOWN_TICKS)
    except InvalidOption:
        return []


def _edited_job(app: App, handle: ScheduleHandle, fields: Fields) -> NewJob:
    """Return the job that a schedule makes, with what is given in place of what it had."""
    task, plan = _task(app, handle.info.plan.task, "#"), handle.info.plan
    queue, priority = fields.one(QUEUE_NAME) or plan.queue, fields.one(PRIORITY)
    chosen = task.using(queue=queue, priority=plan.priority if priority is None else priority)
    args = fields.one(ARGS)
    return _made(chosen, plan.args if args is None else dump(args), "#/args")


def _job(app: App, name: str, fields: Fields, at: str) -> NewJob:
    chosen = _task(app, name, "#/task").using(queue=fields.one(QUEUE_NAME), priority=fields.one(PRIORITY))
    return _made(chosen, dump(fields.one(ARGS) or {}), at)


def _task(app: App, name: str, at: str) -> AnyTask:
    try:
        return app.task_named(name)
    except UnknownTask as error:
        refuse_places([{"pointer": at, "detail": str(error), "type": "task-not-found"}])
        raise


def _made(task: AnyTask, args: bytes, at: str) -> NewJob:
    try:
        return task.job_from_json(args)
    except InvalidArguments as error:
        places = [error_place(each) for each in error.errors]
        refuse_places([{**place, "pointer": f"{at}{str(place['pointer'])[1:]}"} for place in places])
        raise


def _as_seen(handle: ScheduleHandle, tag: str) -> ScheduleHandle:
    """Return a schedule that is as the client has seen it.

    Raises:
        Problem: It was edited since.
    """
    if handle.edition != tag:
        detail = f"schedule {handle.name} was edited since: read it again"
        raise Problem(PRECONDITION_FAILED, detail, members={"name": handle.name, "version": handle.info.version})
    return handle


def _needs_version(error: ScheduleChanged | None) -> Problem:
    detail = "read it, and send its ETag as If-Match: so no change of somebody else is overwritten"
    members = {} if error is None else {"name": error.name, "version": error.version}
    return Problem(PRECONDITION_REQUIRED, detail, members=members)


def body_schemas() -> dict[str, Document]:
    """Return the schemas of the bodies that are read here."""
    return {
        "NewSchedule": object_schema(NEW),
        "ScheduleEdit": object_schema(EDIT),
        "ScheduleStart": object_schema(START),
        "ScheduleStop": object_schema(STOP),
        "ScheduleTrigger": object_schema(()),
    }
