"""The one way in: host, access, route, cross-site rule, and the headers of every answer."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from workmill import App, QueueFull, StoreError
from workmill.dashboard.access import Access, AccessRule, Gate, gate_for, is_bearer
from workmill.dashboard.door import ACCESS_KEY, Door, Live
from workmill.dashboard.gathering import Gathering
from workmill.dashboard.live import follow
from workmill.dashboard.refusals import NEEDS_TOKEN, NO_ACCESS, NOT_ALLOWED, Refusal, refusal_of
from workmill.dashboard.route import Route, Table
from workmill.dashboard.table import ROUTES
from workmill.guard import SAFE_METHODS, Hosts, adding, check_prefix, check_site, path_within

_log = logging.getLogger("workmill")

ANSWER_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that, browsers leave out of a form's request where it comes from, which we must know.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def asgi(
    app: App,
    *,
    access: AccessRule | None = None,
    token: str | None = None,
    read_token: str | None = None,
    read_only: bool = False,
    hosts: Iterable[str] = (),
    prefix: str = "",
    live: Live = "auto",
    title: str = "Workmill",
) -> ASGIApp:
    """Return the dashboard of an application, to be served alone or mounted in another ASGI application.

    Nothing is opened before the first request. Without `access` and tokens, only a browser on this machine gets in.

    Example:
        ```python
        def access(request):
            return Access.ADMIN if request.user.is_staff else Access.NONE


        web = Starlette(routes=[Mount("/dashboard", workmill.dashboard.asgi(app, access=access))])
        ```

    Args:
        app: Whose jobs it shows.
        access: Says of each request what it may do; in place of tokens. May be a coroutine function.
        token: Who has it may do everything: as the password in a browser, or as `Authorization: Bearer`.
        read_token: Who has it may look.
        read_only: Whether nobody may change anything, whoever it is.
        hosts: The host names, with or without a port, that it answers for beside loopback names and its own address;
            `*` for any.
        prefix: The path it lives under where the server or proxy before it does not take that away; "" for none.
        live: `auto` for changes as they happen; `poll` where a server cannot hold a connection open, as under WSGI.
        title: What people call this installation.

    Raises:
        ConfigError: A token or the prefix cannot be one.
    """
    door = Door(app, Table(ROUTES), title=title, prefix=check_prefix(prefix), live=live)
    most = Access.READ if read_only else Access.ADMIN
    return Dispatcher(door, gate_for(access, token, read_token), Hosts(hosts), most=most)


class Dispatcher:
    """Answers every request of a dashboard; no handler runs that the route table does not allow to its sender.

    Args:
        door: What handlers get.
        gate: Who says what a request may do.
        hosts: The names that are answered for.
        most: The highest level that anybody gets.
    """

    def __init__(self, door: Door, gate: Gate, hosts: Hosts, *, most: Access) -> None:
        self._door = door
        self._gate = gate
        self._hosts = hosts
        self._most = most
        self._gathering = Gathering()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "http":
                await self._answer(dict(scope), receive, adding(ANSWER_HEADERS, send))
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        # Only whoever is served alone gets here; a mounted application hears nothing of its host's life.
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._door.app.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ACCESS_KEY] = Access.NONE
        request = Request(scope, receive, send)
        try:
            response = await self._response(request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the edge: whatever happened, the browser gets a page
            refusal = refusal_of(error)
            if isinstance(error, StoreError) and not isinstance(error, QueueFull):
                _log.error("the dashboard could not answer %s %s: %s", request.method, request.url.path, error)
            if refusal is None:
                _log.exception("the dashboard could not answer %s %s", request.method, request.url.path)
                refusal = Refusal(status=500, title="Something went wrong here", detail="The server's log says more.")
            response = self._refuse(request, refusal)
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        host = self._hosts.check(request.headers, request.scope)
        level = min(await self._gate.admit(request), self._most)
        request.scope[ACCESS_KEY] = level
        path = path_within(request.scope).removeprefix(self._door.prefix)
        route, holes, allowed = self._door.table.find(request.method, path or "/")
        needed = Access.READ if route is None else route.needs
        if level < needed:
            return self._deny(request, level)
        if route is None:
            return self._unknown(request, path, allowed)
        if request.method not in SAFE_METHODS and not is_bearer(request.headers):
            check_site(request.headers, host, is_browser=True)
        return await self._handle(request, route, holes)

    async def _handle(self, request: Request, route: Route, holes: Mapping[str, str]) -> Response:
        request.scope["path_params"] = dict(holes)
        handle = partial(route.handler, request, self._door)
        if request.method == "GET" and "hx-request" in request.headers and route.handler is not follow:
            key = (self._door.access(request), request.scope.get("root_path"), request.url.path, request.url.query)
            return await self._gathering.answer(key, handle)
        return await handle()

    def _deny(self, request: Request, level: Access) -> Response:
        if level > Access.NONE:
            return self._refuse(request, NOT_ALLOWED)
        if self._gate.challenge is None:
            return self._refuse(request, NO_ACCESS)
        response = self._refuse(request, NEEDS_TOKEN)
        response.headers["WWW-Authenticate"] = self._gate.challenge
        return response

    def _unknown(self, request: Request, path: str, allowed: tuple[str, ...]) -> Response:
        if allowed:
            refusal = Refusal(status=405, title="This is not how", detail=f"This address takes {', '.join(allowed)}.")
            response = self._refuse(request, refusal)
            response.headers["Allow"] = ", ".join(allowed)
            return response
        plain = path.rstrip("/")
        if plain != path and self._door.table.find("GET", plain)[0] is not None:
            return RedirectResponse(self._door.root(request) + plain, 308)
        return self._refuse(
            request, Refusal(status=404, title="There is nothing here", detail="The address leads nowhere.")
        )

    def _refuse(self, request: Request, refusal: Refusal) -> Response:
        return self._door.render(request, "refusal.html", {"refusal": refusal}, status=refusal.status)
