"""The flows: how far each has come; the jobs of one as a picture and as a table; cancelling and retrying it."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, FlowHandle, JobState, Node
from workmill.dashboard.access import Access
from workmill.dashboard.body import read_form
from workmill.dashboard.door import Door
from workmill.dashboard.layering import HEIGHT, WIDTH, Drawing, drawing
from workmill.dashboard.route import Route
from workmill.dashboard.said import said
from workmill.dashboard.typed import words

PAGE = 50
MOST_DRAWN, MOST_LINES = 200, 500
"""A picture of more jobs, or more lines, helps nobody."""
MOST_LISTED = 500
FIRST_SHOWN = (JobState.FAILED, JobState.RUNNING, JobState.RETRYING)
"""What comes first in the table of a flow that has too many jobs to show them all."""


async def list_flows(request: Request, door: Door) -> Response:
    """Answer `GET /flows`."""
    cursor = request.query_params.get("cursor") or None
    page = await door.app.aflows(limit=PAGE, cursor=cursor)
    values = {
        "said": said(request),
        "flows": page.flows,
        "states": list(JobState),
        "older": page.next_cursor and door.url(request, "flows", query={"cursor": page.next_cursor}),
        "newest": cursor and door.url(request, "flows"),
    }
    return door.render(request, "flows.html", values)


async def show_flow(request: Request, door: Door) -> Response:
    """Answer `GET /flows/{id}`: of one that has very many jobs, some of them without whom they follow."""
    handle = await _handle(request, door)
    status = await handle.astatus()
    is_whole = status.jobs <= MOST_LISTED
    nodes = await handle.anodes() if is_whole else await _some(door.app, handle.id)
    values = {
        "said": said(request),
        "status": status,
        "states": list(JobState),
        "nodes": nodes,
        "by_id": {node.job.id: node for node in nodes},
        "is_whole": is_whole,
        "drawing": _drawing(nodes) if is_whole else None,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return door.render(request, "flow.html", values)


async def cancel_flow(request: Request, door: Door) -> Response:
    """Answer `POST /flows/{id}/cancel`; safe to repeat."""
    form = await read_form(request)
    handle = await _handle(request, door)
    await handle.acancel(words(form.one("reason")))
    return door.redirect(request, "flow", id=handle.id, query={"said": "flow-cancelled"})


async def retry_flow(request: Request, door: Door) -> Response:
    """Answer `POST /flows/{id}/retry`: see the new flow."""
    await read_form(request)
    new = await (await _handle(request, door)).aretry()
    return door.redirect(request, "flow", id=new.id, query={"said": "flow-retried"})


async def _some(app: App, flow: str) -> list[Node]:
    """Return what asks for attention, then the newest of the others."""
    first = (await app.ajobs(flows=[flow], states=FIRST_SHOWN, limit=MOST_LISTED)).jobs
    others = (await app.ajobs(flows=[flow], limit=MOST_LISTED)).jobs
    chosen = list({job.id: job for job in (*first, *others)}.values())[:MOST_LISTED]
    return [Node(job=job, parents=()) for job in chosen]


def _drawing(nodes: Sequence[Node]) -> Drawing | None:
    if len(nodes) > MOST_DRAWN or sum(len(node.parents) for node in nodes) > MOST_LINES:
        return None
    return drawing({node.job.id: node.parents for node in nodes})


async def _handle(request: Request, door: Door) -> FlowHandle:
    return await door.app.aflow(request.path_params["id"])


ROUTES = (
    Route(method="GET", path="/flows", name="flows", needs=Access.READ, handler=list_flows),
    Route(method="GET", path="/flows/{id}", name="flow", needs=Access.READ, handler=show_flow),
    Route(method="POST", path="/flows/{id}/cancel", name="flow_cancel", needs=Access.OPERATE, handler=cancel_flow),
    Route(method="POST", path="/flows/{id}/retry", name="flow_retry", needs=Access.OPERATE, handler=retry_flow),
)
