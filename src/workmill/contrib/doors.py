"""The dashboard and the API as one application to be mounted in a host, which may say who may do what."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from workmill import App, dashboard, http
from workmill.dashboard import Access
from workmill.dashboard.access import AccessRule, gate_for
from workmill.dashboard.door import Live
from workmill.guard import ANY_HOST, SAFE_METHODS, path_within
from workmill.http.problem import FORBIDDEN, NOT_ACCEPTABLE, UNAUTHENTICATED, Problem
from workmill.serving import API_PATHS

OPEN_PATHS = frozenset({"/livez", "/readyz"})


def doors(
    mill: App,
    *,
    access: AccessRule | None = None,
    token: str | None = None,
    read_token: str | None = None,
    hosts: Iterable[str] | None = None,
    title: str = "Workmill",
    live: Live = "auto",
    has_api: bool = True,
) -> ASGIApp:
    """Return the dashboard and the API of an application, for a host to mount.

    What the host says of a request holds for both. Over the API, looking takes `READ`; to purge a queue, and to make,
    change or delete a limit or a schedule, takes `ADMIN`; everything else `OPERATE`. Without `access` and tokens only
    this machine gets in.

    Args:
        mill: Whose jobs they show.
        access: Says of each request what it may do; in place of tokens.
        token: Who has it may do everything.
        read_token: Who has it may look.
        hosts: The host names that are answered for beside loopback ones. Without it all of them where `access` or a
            token says who gets in, as the host has its own rule; else none.
        title: What people call this installation.
        live: `poll` where the host cannot hold a connection open: then there are no streams.
        has_api: Whether the API is there too.

    Raises:
        ConfigError: A token cannot be one.
    """
    is_guarded = access is not None or token is not None or read_token is not None
    names = tuple(hosts) if hosts is not None else ((ANY_HOST,) if is_guarded else ())
    pages = dashboard.asgi(mill, access=access, token=token, read_token=read_token, hosts=names, live=live, title=title)
    if not has_api:
        return pages
    gated = _Gated(http.asgi(mill, hosts=names), access, token, read_token, has_streams=live != "poll")

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        first = path_within(scope).split("/", 2)[1:2] if scope["type"] == "http" else []
        await (gated if first and first[0] in API_PATHS else pages)(scope, receive, send)

    return serve


def needed(method: str, path: str) -> Access:
    """Return what a request of the API takes, by its path within it."""
    if path in OPEN_PATHS:
        return Access.NONE
    if method in SAFE_METHODS:
        return Access.READ
    # What is not POST makes, changes and deletes limits and schedules.
    is_far_reaching = method != "POST" or path.endswith("/purge")
    return Access.ADMIN if is_far_reaching else Access.OPERATE


class _Gated:
    """The API behind the gate that the dashboard has, too."""

    def __init__(
        self,
        api: ASGIApp,
        access: AccessRule | None,
        token: str | None,
        read_token: str | None,
        *,
        has_streams: bool,
    ) -> None:
        self._api = api
        self._gate = gate_for(access, token, read_token)
        self._has_streams = has_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        problem = await self._refusal(Request(scope, receive, send))
        await (self._api if problem is None else problem.response())(scope, receive, send)

    async def _refusal(self, request: Request) -> Problem | None:
        path = path_within(request.scope)
        wanted = needed(request.method, path)
        level = await self._gate.admit(request) if wanted > Access.NONE else wanted
        if level < wanted:
            challenge = self._gate.challenge
            if challenge is None or level > Access.NONE:
                return Problem(FORBIDDEN, f"this takes the right to {wanted.name.lower()}, which the request has not")
            detail = "send the header `Authorization: Bearer <token>` with this server's token"
            return Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})
        if path.endswith("/events") and not self._has_streams:
            # A WSGI server would hold a thread for each reader, and learn late or never that one has gone.
            return Problem(
                NOT_ACCEPTABLE, "there are no event streams where the host is WSGI: ask again, with `Prefer: wait`"
            )
        return None
