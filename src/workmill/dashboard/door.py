"""What every page works with: the application, addresses, rendering, and who is asking."""

import math
import time
from collections.abc import Mapping
from functools import partial
from typing import Literal, TypeAlias

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from workmill import App, Finding
from workmill.dashboard.access import Access
from workmill.dashboard.files import Statics
from workmill.dashboard.navigation import SECTIONS
from workmill.dashboard.rendering import environment
from workmill.dashboard.route import QueryValue, Table

Live: TypeAlias = Literal["auto", "poll"]
HEALTH_SECONDS = 30.0
ACCESS_KEY = "workmill.dashboard.access"
"""Where a request's level stands in its scope."""


class Door:
    """The dashboard of one application.

    Args:
        app: Whose jobs it shows.
        table: Its routes.
        title: What people call this installation; stands in every page's title and rail.
        prefix: The path it lives under, where nothing before it takes that away.
        live: `auto` for events from the server, with polling where they do not come; `poll` for polling alone.
    """

    def __init__(self, app: App, table: Table, *, title: str, prefix: str, live: Live) -> None:
        self.app = app
        self.table = table
        self.title = title
        self.prefix = prefix
        self.live = live
        self.statics = Statics()
        self._findings: list[Finding] = []
        self._looked_at = -math.inf
        self._templates = environment()

    def url(
        self, request: Request, name: str, /, *, query: Mapping[str, QueryValue] | None = None, **holes: str
    ) -> str:
        """Return the address of a page, wherever the dashboard is mounted.

        Args:
            request: Any request of this dashboard.
            name: The route's name.
            query: Parameters; None and "" are left out, a list gives one for each of its values.
            holes: What fills the path's holes.
        """
        return self.root(request) + self.table.address(name, holes, query)

    def access(self, request: Request) -> Access:
        """Return what whoever sent this request may do."""
        level: Access = request.scope[ACCESS_KEY]
        return level

    def render(
        self, request: Request, template: str, values: Mapping[str, object] | None = None, *, status: int = 200
    ) -> Response:
        """Return a page.

        Beside `values` a template has `url(name, query={}, **holes)`, `static(name)`, `can.operate` and `can.admin`,
        `request`, `here` (this page's own address), `title_of_app`, `store` and `live`.
        """
        level = self.access(request)
        known = {
            "url": partial(self.url, request),
            "static": partial(self._static, request),
            "can": {"read": level >= Access.READ, "operate": level >= Access.OPERATE, "admin": level >= Access.ADMIN},
            "request": request,
            "here": _here(request),
            "title_of_app": self.title,
            "store": self.app.masked_url,
            "live": self.live if self.statics.has_htmx else "none",
            "navigation": [each for each in SECTIONS if each[0] in self.table],
        }
        text = self._templates.get_template(template).render({**known, **(values or {})})
        return HTMLResponse(text, status)

    async def findings(self) -> list[Finding]:
        """Return how the store is, as it was found half a minute ago at most."""
        if time.monotonic() - self._looked_at > HEALTH_SECONDS:
            self._looked_at = time.monotonic()
            self._findings = await self.app.adiagnose()
        return self._findings

    def redirect(
        self, request: Request, name: str, /, *, query: Mapping[str, QueryValue] | None = None, **holes: str
    ) -> Response:
        """Return the answer to an action that was done: see this page next."""
        return RedirectResponse(self.url(request, name, query=query, **holes), 303)

    def root(self, request: Request) -> str:
        """Return the path that the dashboard lives under, as the browser sees it."""
        root: str = request.scope.get("root_path", "")
        return root.rstrip("/") + self.prefix

    def _static(self, request: Request, name: str) -> str:
        return self.url(request, "static", digest=self.statics.digest, name=name)


def _here(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
