"""Who may speak to this server: the Host check, the bearer token, the cross-site rule, and headers on every answer."""

import hashlib
import hmac
from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workmill import is_loopback
from workmill.http.problem import CROSS_SITE_REQUEST, MALFORMED_REQUEST, UNAUTHENTICATED, WRONG_HOST, Problem

ANY_HOST = "*"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OPEN_PATHS = ("/livez", "/readyz")

_ANSWER_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Guard:
    """Stands before an ASGI application and lets through what is allowed.

    The health paths are open: a probe knows neither a name for this server nor a token, and learns only that it lives.

    Args:
        app: What is guarded.
        token: The bearer token that every request must carry, or None where none is asked for.
        hosts: Names, with or without a port, that this server answers for beside loopback names and its own
            address. `*` stands for any: for a server behind one that has checked already.
        prefix: The path under which the application lives.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Iterable[str], prefix: str) -> None:
        self._app = app
        self._digest = None if token is None else _digest(token.encode())
        self._hosts = frozenset(host.lower() for host in hosts)
        self._open_paths = frozenset(prefix + path for path in OPEN_PATHS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ANSWER_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        if _path_within(scope) in self._open_paths:
            return
        headers = Headers(scope=scope)
        host = _host(headers)
        self._check_host(host, scope)
        if self._digest is not None:
            self._check_token(headers, self._digest)
        elif scope["method"] not in SAFE_METHODS:
            # A browser never adds a bearer token by itself, so this rule is for servers without one.
            _check_site(headers, host)

    def _check_host(self, host: str, scope: Scope) -> None:
        name = _without_port(host)
        is_named = ANY_HOST in self._hosts or host in self._hosts or name in self._hosts
        if is_named or is_loopback(name) or _is_own_address(name, scope):
            return
        detail = f"Host {host!r} is none of this server's names: add it to the hosts that it is started with"
        raise Problem(WRONG_HOST, detail)

    def _check_token(self, headers: Headers, digest: bytes) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        is_bearer = scheme.lower() == "bearer"
        if not (hmac.compare_digest(_digest(given.strip().encode("latin-1")), digest) and is_bearer):
            detail = "send the header `Authorization: Bearer <token>` with this server's token"
            raise Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": 'Bearer realm="workmill"'})


def _host(headers: Headers) -> str:
    given = headers.getlist("host")
    if len(given) != 1 or not given[0].strip():
        raise Problem(MALFORMED_REQUEST, "the request needs exactly one Host header")
    return given[0].strip().lower()


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _is_own_address(name: str, scope: Scope) -> bool:
    # Only where both are addresses: a page of another site can point a name of its own here, but not a number.
    server = scope.get("server")
    try:
        return server is not None and ip_address(name.strip("[]")) == ip_address(server[0])
    except ValueError:
        return False


def _check_site(headers: Headers, host: str) -> None:
    """Refuse what a page of another site made a browser send; a client that is no browser says neither."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        is_own = site in {"same-origin", "none"}
    else:
        is_own = origin is None or origin.lower().partition("://")[2] == host
    if not is_own:
        raise Problem(CROSS_SITE_REQUEST, f"a page of another site ({origin or site}) sent this; use a bearer token")


def _path_within(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
