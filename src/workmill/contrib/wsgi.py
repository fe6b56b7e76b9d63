"""Our doors in a WSGI host: the path they are mounted at, and the host's word on who may do what."""

import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from a2wsgi import ASGIMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp

from workmill.dashboard import Access

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from a2wsgi.asgi_typing import ASGIApp as Bridged

ACCESS_KEY = "workmill.access"
"""Where the host's word stands in a request's environment."""


def access_of(request: Request) -> Access:
    """Return what the host has said of a request."""
    said: Access | None = request.scope["wsgi_environ"].get(ACCESS_KEY)
    return Access.NONE if said is None else said


class Bridge:
    """An ASGI application as a WSGI one.

    Its event loop has a thread, which begins with the first request and again in a process forked after that.

    Args:
        application: What is bridged.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._bridged: WSGIApplication | None = None
        self._process = 0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        # Where the server leaves the port out, the client's address would be left out, too.
        environ.setdefault("REMOTE_PORT", "0")
        # As a whole: what is behind the bridge would wait for ever for a reader that leaves in the middle.
        return [b"".join(self._here()(environ, start_response))]

    def _here(self) -> "WSGIApplication":
        if self._process != os.getpid():
            self._lock = threading.Lock()  # that of the process before may be held by a thread that is not here
            self._process = os.getpid()
            self._bridged = None
        with self._lock:
            if self._bridged is None:
                self._bridged = cast("WSGIApplication", ASGIMiddleware(cast("Bridged", self._application)))
            return self._bridged


def within(environ: "WSGIEnvironment", path: str) -> "WSGIEnvironment | None":
    """Return a request's environment as an application mounted at a path sees it; None where it is not below."""
    asked: str = environ.get("PATH_INFO", "")
    if asked != path and not asked.startswith(f"{path}/"):
        return None
    return {**environ, "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + path, "PATH_INFO": asked[len(path) :]}
