"""One request to an ASGI application, answered piece by piece: for streams, and for clients that go away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from starlette.types import ASGIApp, Message

DEADLINE_SECONDS = 10.0


class Exchange:
    """A request under way. Every wait for the application has a deadline."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: Sequence[bytes]) -> None:
        path, _, query = target.partition("?")
        named = {"host": "localhost", **headers}
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._breaks_at: bytes | None = None
        for chunk in body:
            self._incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": True})
        if body or method == "GET":
            self._incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    @classmethod
    @asynccontextmanager
    async def begin(
        cls,
        api: ASGIApp,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        body: Sequence[bytes] = (),
    ) -> AsyncIterator[Self]:
        """Send a request; POST without a body keeps the application waiting for one."""
        exchange = cls(method, target, headers or {}, body)
        exchange._task = asyncio.create_task(exchange._run(api))
        try:
            yield exchange
        finally:
            exchange._task.cancel()
            await asyncio.gather(exchange._task, return_exceptions=True)

    async def start(self) -> tuple[int, dict[str, str]]:
        """Return the status and the headers of the answer."""
        message = await self._next()
        assert message["type"] == "http.response.start"
        return message["status"], {name.decode(): value.decode() for name, value in message["headers"]}

    async def chunk(self) -> bytes | None:
        """Return the next piece of the body, None at its end."""
        message = await self._next()
        return bytes(message["body"]) if message.get("more_body") else None

    def breaks_at(self, text: bytes) -> None:
        """Let the connection break when this is sent."""
        self._breaks_at = text

    def leave(self) -> None:
        """Go away without waiting for the answer."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def ended(self) -> None:
        """Return when the application is done with the request."""
        assert self._task is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.shield(self._task)

    async def _next(self) -> Message:
        assert self._task is not None
        waiting = asyncio.create_task(self._outgoing.get())
        done, _ = await asyncio.wait(
            {waiting, self._task}, timeout=DEADLINE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if waiting not in done and self._outgoing.empty():
            waiting.cancel()
            self._task.result()
            raise AssertionError("the application said nothing more")
        return await waiting

    async def _run(self, api: ASGIApp) -> None:
        await api(self.scope, self._incoming.get, self._send)

    async def _send(self, message: Message) -> None:
        if self._breaks_at is not None and self._breaks_at in message.get("body", b""):
            raise BrokenPipeError
        await self._outgoing.put(message)
