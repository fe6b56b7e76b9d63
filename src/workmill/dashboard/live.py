"""`GET /events`: a doorbell. It says that something changed, never what: pages ask for themselves again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workmill import App, WorkmillError
from workmill.dashboard.door import Door

MEDIA_TYPE = "text/event-stream"
RECONNECT_MILLISECONDS = 2000
PING_SECONDS = 15.0
GAP_SECONDS = 1.0
"""However much changes, a page is not told more often."""
LONGEST_STREAM_SECONDS = 3600.0
"""After this a stream ends and the page comes back by itself, so that none outlives its reader unseen."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Write = Callable[[str], Awaitable[None]]


async def follow(request: Request, door: Door) -> Response:
    """Answer the stream of one page; where pages poll there is none."""
    if door.live == "poll":
        return Response(status_code=204)
    if request.method == "HEAD":
        return Response(media_type=MEDIA_TYPE)
    return Doorbell(request, door.app)


class Doorbell(Response):
    """Rings when any job changes, until the page goes or the stream is old."""

    media_type = MEDIA_TYPE

    def __init__(self, request: Request, app: App) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["Content-Length"]
        self._request = request
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        """Send events until nobody listens any more."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def write(text: str) -> None:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

        with suppress(OSError):  # The page went while something was being sent to it.
            # Where the store fails the stream just ends: the page comes back, and polls while it cannot.
            with suppress(WorkmillError):
                await _first_of(self._ring(write), self._gone())
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _ring(self, write: Write) -> None:
        async with self._app.changes() as changes:
            await write(f"retry: {RECONNECT_MILLISECONDS}\n\nevent: ready\ndata:\n\n")
            while True:
                if await changes.next(PING_SECONDS):
                    await write("event: rung\ndata:\n\n")
                    await asyncio.sleep(GAP_SECONDS)
                else:
                    await write(": ping\n\n")

    async def _gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


async def _first_of(*waits: Coroutine[object, object, None]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=LONGEST_STREAM_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
