"""One path and its methods, so that a wrong method always learns all the right ones."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workmill.http.problem import METHOD_NOT_ALLOWED, Problem

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Resource:
    """The ASGI application of one path. HEAD is answered as GET; the server leaves the body out."""

    def __init__(
        self,
        *,
        get: Handler | None = None,
        post: Handler | None = None,
        put: Handler | None = None,
        patch: Handler | None = None,
        delete: Handler | None = None,
    ) -> None:
        handlers = {"GET": get, "HEAD": get, "POST": post, "PUT": put, "PATCH": patch, "DELETE": delete}
        self._handlers = {method: handler for method, handler in handlers.items() if handler is not None}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive, send)
        handler = self._handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(self._handlers)
            detail = f"{request.method} is not known here; these are: {allowed}"
            raise Problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
        response = await handler(request)
        await response(scope, receive, send)
