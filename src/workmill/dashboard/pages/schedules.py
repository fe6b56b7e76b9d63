"""The schedules: what each has done and will do next; starting, stopping and triggering them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from workmill import InvalidOption, Job, ScheduleActive, ScheduleHandle, schedule_document, upcoming
from workmill.dashboard.access import Access
from workmill.dashboard.body import read_form
from workmill.dashboard.door import Door
from workmill.dashboard.route import Handler, Route
from workmill.dashboard.said import said
from workmill.dashboard.typed import seconds
from workmill.dashboard.values import json_block, preview

PAGE = 50
LATEST = 20
STRIP = 12
NEXT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A schedule with its last jobs, newest last, and its next times."""

    handle: ScheduleHandle
    when: str
    past: tuple[Job, ...]
    following: tuple[datetime, ...]


async def list_schedules(request: Request, door: Door) -> Response:
    """Answer `GET /schedules`."""
    cursor = request.query_params.get("cursor") or None
    page = await door.app.schedules.alist(limit=PAGE, cursor=cursor)
    now = await door.app.anow()
    values = {
        "said": said(request),
        "schedules": [_listed(each, await _past(each, STRIP), now) for each in page.schedules],
        "older": page.next_cursor and door.url(request, "schedules", query={"cursor": page.next_cursor}),
        "newest": cursor and door.url(request, "schedules"),
    }
    return door.render(request, "schedules.html", values)


async def show_schedule(request: Request, door: Door) -> Response:
    """Answer `GET /schedules/{schedule}`."""
    handle = await _handle(request, door)
    past = await _past(handle, LATEST)
    values = {
        "said": said(request),
        "each": _listed(handle, past, await door.app.anow()),
        "args": json_block(schedule_document(handle.info, ())["args"]),
        "is_known": handle.info.plan.task in door.app.tasks,
        "jobs": past,
        "previews": {job.id: preview(job) for job in past},
    }
    return door.render(request, "schedule.html", values)


async def start_schedule(request: Request, door: Door) -> Response:
    """Answer `POST /schedules/{schedule}/start`; one that goes on already stays as it is."""
    form = await read_form(request)
    handle = await _handle(request, door)
    try:
        await handle.astart(seconds("delay", form.one("delay")))
    except ScheduleActive:
        return _back(request, door, form.one("back"), "was-started")
    return _back(request, door, form.one("back"), "started")


async def stop_schedule(request: Request, door: Door) -> Response:
    """Answer `POST /schedules/{schedule}/stop`; safe to repeat."""
    form = await read_form(request)
    handle = await _handle(request, door)
    await handle.astop(cancel_running=bool(form.one("cancel_running")))
    return _back(request, door, form.one("back"), "stopped")


async def trigger_schedule(request: Request, door: Door) -> Response:
    """Answer `POST /schedules/{schedule}/trigger`: see the job, where one was made."""
    form = await read_form(request)
    job = await (await _handle(request, door)).atrigger()
    if job is None:
        return _back(request, door, form.one("back"), "busy")
    return door.redirect(request, "job", id=job.id, query={"said": "triggered"})


async def delete_schedule(request: Request, door: Door) -> Response:
    """Answer `POST /schedules/{schedule}/delete`."""
    await read_form(request)
    await (await _handle(request, door)).adelete()
    return door.redirect(request, "schedules", query={"said": "deleted"})


async def _past(handle: ScheduleHandle, limit: int) -> list[Job]:
    return [job.record for job in await handle.ahistory(limit)]


def _listed(handle: ScheduleHandle, past: Sequence[Job], now: datetime) -> Listed:
    try:
        following = upcoming(handle.info, now, NEXT)
    except InvalidOption:  # Its time zone is unknown here.
        following = []
    return Listed(handle=handle, when=_told(handle.info.plan.when), past=tuple(past[::-1]), following=tuple(following))


def _told(when: str) -> str:
    """Return when a schedule makes its jobs, in words where there are some."""
    kind, _, rest = when.partition(" ")
    match kind:
        case "every":
            return f"every {_length(rest)}"
        case "loop":
            return f"{_length(rest)} after the end of the one before" if rest != "0" else "at the end of the one before"
        case _:
            return rest


def _length(text: str) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if text.isdecimal() and int(text) % size == 0 and int(text) >= 2 * size:
            return f"{int(text) // size} {unit}"
    return f"{text} s"


def _back(request: Request, door: Door, page: str, word: str) -> Response:
    if page == "schedules":
        return door.redirect(request, "schedules", query={"said": word})
    return door.redirect(request, "schedule", schedule=request.path_params["schedule"], query={"said": word})


async def _handle(request: Request, door: Door) -> ScheduleHandle:
    return await door.app.schedules.aget(request.path_params["schedule"])


def _post(verb: str, needs: Access, handler: Handler) -> Route:
    return Route(
        method="POST", path=f"/schedules/{{schedule}}/{verb}", name=f"schedule_{verb}", needs=needs, handler=handler
    )


ROUTES = (
    Route(method="GET", path="/schedules", name="schedules", needs=Access.READ, handler=list_schedules),
    Route(method="GET", path="/schedules/{schedule}", name="schedule", needs=Access.READ, handler=show_schedule),
    _post("start", Access.OPERATE, start_schedule),
    _post("stop", Access.OPERATE, stop_schedule),
    _post("trigger", Access.OPERATE, trigger_schedule),
    _post("delete", Access.ADMIN, delete_schedule),
)
