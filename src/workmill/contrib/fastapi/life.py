"""What begins and ends with the host's own life."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeAlias

from fastapi import FastAPI

from workmill import App

State: TypeAlias = Mapping[str, object] | None
Lifespan: TypeAlias = Callable[[FastAPI], AbstractAsyncContextManager[State]]


def lifespan(mill: App, *, worker: bool = False, concurrency: int = 16, within: Lifespan | None = None) -> Lifespan:
    """Return a lifespan that closes the store when the host ends, and with `worker` runs a worker on its event loop.

    Example:
        ```python
        api = FastAPI(lifespan=lifespan(mill, worker=True))
        ```

    Args:
        mill: The application.
        worker: Whether a worker runs beside the requests: for small programs and tests, as what is slow in a task
            slows the requests down. It stops with the host, and gives back what runs.
        concurrency: How many jobs it runs at a time.
        within: A lifespan of yours, which begins before and ends after this one, and whose state requests get.
    """

    @asynccontextmanager
    async def live(api: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            state = None if within is None else await stack.enter_async_context(within(api))
            stack.push_async_callback(asyncio.to_thread, mill.close)
            if worker:
                await stack.enter_async_context(mill.working(concurrency=concurrency))
            yield state

    return live
