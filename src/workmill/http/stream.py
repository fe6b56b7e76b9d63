"""A job's life as server-sent events: resumed by `Last-Event-ID`, ended for good by 204."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workmill import App, Job, JobHandle, WorkmillError, job_document
from workmill.http.answer import dump
from workmill.http.parameters import AFTER
from workmill.http.preconditions import accepts, last_event_id
from workmill.http.problem import NOT_ACCEPTABLE, Problem
from workmill.http.query import Query
from workmill.http.waiting import client_gone, first_of

MEDIA_TYPE = "text/event-stream"
RECONNECT_MILLISECONDS = 2000
PING_SECONDS = 15.0
PROGRESS_GAP_SECONDS = 0.25
LONGEST_STREAM_SECONDS = 3600.0
"""After this a stream ends and the client comes back by itself, so that none outlives its reader unseen."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def follow_job(request: Request, app: App) -> Response:
    """Answer `GET /v1/jobs/{id}/events`."""
    query = Query(request, (AFTER,))
    if not accepts(request, MEDIA_TYPE):
        raise Problem(NOT_ACCEPTABLE, f"this path answers with {MEDIA_TYPE} only: accept it")
    handle = await app.ajob(request.path_params["id"])
    seen = query.one(AFTER) or last_event_id(request)
    if handle.done and seen == str(handle.record.version):
        return Response(status_code=204, headers=_HEADERS)
    if request.method == "HEAD":
        return Response(headers=_HEADERS, media_type=MEDIA_TYPE)
    return EventStream(request, handle, seen)


class EventStream(Response):
    """The stream of one job from its present state to its end.

    A new reader gets the job as it is; one that resumes with the present version gets what comes after it.
    """

    media_type = MEDIA_TYPE

    def __init__(self, request: Request, handle: JobHandle[object], seen: str | None) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["Content-Length"]
        self._request = request
        self._handle = handle
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        """Send events until the job ends, the client goes, or the stream is old."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def write(text: bytes) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": True})

        try:
            # Where the store fails the stream just ends: the client comes back, resumes, and is told what is wrong.
            with suppress(WorkmillError):
                await first_of(self._tell(write), client_gone(self._request), seconds=LONGEST_STREAM_SECONDS)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            return  # The client went while something was being sent to it.

    async def _tell(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        told = self._handle.record
        await write(f"retry: {RECONNECT_MILLISECONDS}\n\n".encode())
        if self._seen != str(told.version):
            await write(_event("done" if told.state.is_final else "state", told))
        while not told.state.is_final:
            now = (await self._handle.arefresh(PING_SECONDS, since=told.version)).record
            if now.version == told.version:
                await write(b": ping\n\n")
                continue
            kind = _kind(told, now)
            await write(_event(kind, now))
            told = now
            if kind == "progress":
                # The latest progress wins; only the end of the job cuts this pause short.
                await self._handle.arefresh(PROGRESS_GAP_SECONDS)


def _kind(before: Job, now: Job) -> str:
    if now.state.is_final:
        return "done"
    only_progress = replace(before, progress=now.progress, version=now.version) == now
    return "progress" if only_progress else "state"


def _event(kind: str, job: Job) -> bytes:
    document = job_document(job)
    if kind == "progress":
        document = {name: document[name] for name in ("id", "state", "attempt", "progress", "version")}
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (job.version, kind.encode(), dump(document))
