"""The first page: how it goes, at a glance, with a way into everything it names."""

from starlette.requests import Request
from starlette.responses import Response

from workmill.dashboard.access import Access
from workmill.dashboard.door import Door
from workmill.dashboard.route import Route


async def show_overview(request: Request, door: Door) -> Response:
    """Answer the overview."""
    return door.render(request, "overview.html", {"queues": await door.app.aqueues()})


ROUTES = (Route(method="GET", path="/", name="overview", needs=Access.READ, handler=show_overview),)
