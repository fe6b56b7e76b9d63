"""The API of an application on a real server, on the running event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from workmill import App
from workmill.http import asgi

DEADLINE_SECONDS = 10.0


@asynccontextmanager
async def serving(app: App, *, token: str | None = None) -> AsyncIterator[int]:
    """Serve, and give the port."""
    server = uvicorn.Server(uvicorn.Config(asgi(app, token=token), log_level="warning", timeout_graceful_shutdown=1))
    # Listening before the server starts: a client that connects early waits in the line, and nobody has to ask when.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, DEADLINE_SECONDS)
