"""Who may speak to the API: the Host check, the bearer token, the cross-site rule, and headers on every answer."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from workmill.guard import SAFE_METHODS, Hosts, Reason, Refused, Token, adding, check_site, path_within
from workmill.http.problem import (
    CROSS_SITE_REQUEST,
    MALFORMED_REQUEST,
    READ_ONLY,
    UNAUTHENTICATED,
    WRONG_HOST,
    Problem,
)

OPEN_PATHS = ("/livez", "/readyz")

_ANSWER_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_KINDS = {
    Reason.MALFORMED: MALFORMED_REQUEST,
    Reason.WRONG_HOST: WRONG_HOST,
    Reason.CROSS_SITE: CROSS_SITE_REQUEST,
}


class Guard:
    """Stands before the API and lets through what is allowed.

    The health paths are open: a probe knows neither a name for this server nor a token, and learns only that it lives.

    Args:
        app: What is guarded.
        token: The bearer token that every request must carry, or None where none is asked for.
        hosts: Names, with or without a port, that this server answers for beside loopback names and its own
            address. `*` stands for any: for a server behind one that has checked already.
        prefix: The path under which the application lives.
        read_only: Whether nothing may be changed.
    """

    def __init__(
        self, app: ASGIApp, *, token: str | None, hosts: Iterable[str], prefix: str, read_only: bool = False
    ) -> None:
        self._app = app
        self._token = None if token is None else Token(token)
        self._hosts = Hosts(hosts)
        self._open_paths = frozenset(prefix + path for path in OPEN_PATHS)
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except Problem as problem:
            await problem.response()(scope, receive, adding(_ANSWER_HEADERS, send))
        except Refused as refused:
            remedy = "; use a bearer token" if refused.reason is Reason.CROSS_SITE else ""
            told = Problem(_KINDS[refused.reason], refused.detail + remedy)
            await told.response()(scope, receive, adding(_ANSWER_HEADERS, send))
        else:
            await self._app(scope, receive, adding(_ANSWER_HEADERS, send))

    def _check(self, scope: Scope) -> None:
        path = path_within(scope)
        if path in self._open_paths:
            return
        if "\n" in path:
            # Routes end in `$`, before which a line feed may stand: whoever judged by the path has seen another one.
            raise Problem(MALFORMED_REQUEST, "no path here has a line feed in it")
        headers = Headers(scope=scope)
        host = self._hosts.check(headers, scope)
        is_safe = scope["method"] in SAFE_METHODS
        if self._token is not None:
            _check_token(headers, self._token)
        elif not is_safe:
            # A browser never adds a bearer token by itself, so this rule is for servers without one.
            check_site(headers, host)
        if self._read_only and not is_safe:
            raise Problem(READ_ONLY, "this server was started to be read from: nothing can be changed through it")


def _check_token(headers: Headers, token: Token) -> None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer"
    if not (token.matches(given.strip().encode("latin-1")) and is_bearer):
        detail = "send the header `Authorization: Bearer <token>` with this server's token"
        raise Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": 'Bearer realm="workmill"'})
