"""The queues: how they stand, pausing and resuming them, and emptying one."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import CountChanged, JobState, QueueInfo
from workmill.dashboard.access import Access
from workmill.dashboard.body import read_form
from workmill.dashboard.door import Door
from workmill.dashboard.route import Route
from workmill.dashboard.said import said
from workmill.dashboard.typed import whole
from workmill.dashboard.values import preview

SHOWN = 20
LONGEST_NAME = 200


async def list_queues(request: Request, door: Door) -> Response:
    """Answer `GET /queues`."""
    values = {
        "said": said(request),
        "queues": await door.app.aqueues(),
        "limits": await door.app.alimits(),
        "states": list(JobState),
    }
    return door.render(request, "queues.html", values)


async def show_queue(request: Request, door: Door) -> Response:
    """Answer `GET /queues/{queue}`."""
    return await _shown(request, door)


async def pause_queue(request: Request, door: Door) -> Response:
    """Answer `POST /queues/{queue}/pause`; `back` says which page it came from."""
    form = await read_form(request)
    await door.app.queue(_name(request)).apause(form.one("by")[:LONGEST_NAME] or None)
    return _back(request, door, form.one("back"), "paused")


async def resume_queue(request: Request, door: Door) -> Response:
    """Answer `POST /queues/{queue}/resume`."""
    form = await read_form(request)
    await door.app.queue(_name(request)).aresume()
    return _back(request, door, form.one("back"), "resumed")


async def purge_queue(request: Request, door: Door) -> Response:
    """Answer `POST /queues/{queue}/purge`: cancel what has not begun, if it is as many as the page said."""
    form = await read_form(request)
    name, expected = _name(request), whole("expected", form.one("expected"))
    try:
        cancelled = await door.app.queue(name).apurge(expected=expected or 0)
    except CountChanged as error:
        return await _shown(request, door, changed=error)
    return door.redirect(request, "queue", queue=name, query={"said": "purged", "done": cancelled})


async def _shown(request: Request, door: Door, *, changed: CountChanged | None = None) -> Response:
    name = _name(request)
    info: QueueInfo = await door.app.queue(name).ainfo()
    running = (await door.app.ajobs(queues=[name], states=[JobState.RUNNING], limit=SHOWN)).jobs
    queued = (await door.app.ajobs(queues=[name], states=[JobState.QUEUED], limit=SHOWN)).jobs
    values = {
        "said": said(request),
        "changed": changed,
        "queue": info,
        "states": list(JobState),
        "running": running,
        "queued": queued,
        "previews": {job.id: preview(job) for job in (*running, *queued)},
    }
    return door.render(request, "queue.html", values, status=409 if changed else 200)


def _back(request: Request, door: Door, page: str, word: str) -> Response:
    if page == "queues":
        return door.redirect(request, "queues", query={"said": word})
    return door.redirect(request, "queue", queue=_name(request), query={"said": word})


def _name(request: Request) -> str:
    name: str = request.path_params["queue"]
    return name


ROUTES = (
    Route(method="GET", path="/queues", name="queues", needs=Access.READ, handler=list_queues),
    Route(method="GET", path="/queues/{queue}", name="queue", needs=Access.READ, handler=show_queue),
    Route(method="POST", path="/queues/{queue}/pause", name="queue_pause", needs=Access.OPERATE, handler=pause_queue),
    Route(
        method="POST", path="/queues/{queue}/resume", name="queue_resume", needs=Access.OPERATE, handler=resume_queue
    ),
    Route(method="POST", path="/queues/{queue}/purge", name="queue_purge", needs=Access.ADMIN, handler=purge_queue),
)
