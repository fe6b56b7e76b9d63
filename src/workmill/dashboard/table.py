"""All routes of the dashboard. What is not in here cannot be reached."""

from starlette.requests import Request
from starlette.responses import Response

from workmill.dashboard.access import Access
from workmill.dashboard.door import Door
from workmill.dashboard.live import follow
from workmill.dashboard.pages import (
    act,
    flows,
    job,
    jobs,
    limits,
    overview,
    planning,
    queues,
    schedules,
    tasks,
    workers,
)
from workmill.dashboard.route import Route


async def _static(request: Request, door: Door) -> Response:
    return door.statics.answer(request)


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/static/{digest}/{name}", name="static", needs=Access.NONE, handler=_static),
    Route(method="GET", path="/events", name="events", needs=Access.READ, handler=follow),
    *overview.ROUTES,
    *jobs.ROUTES,
    *act.ROUTES,
    *job.ROUTES,
    *tasks.ROUTES,
    *queues.ROUTES,
    *limits.ROUTES,
    *schedules.ROUTES,
    *planning.ROUTES,
    *flows.ROUTES,
    *workers.ROUTES,
)
