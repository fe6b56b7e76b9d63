"""Many pages that ask for the same at once are answered by one rendering, so that viewers do not multiply the load."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from starlette.responses import Response

Making = Callable[[], Awaitable[Response]]


class Gathering:
    """One rendering at a time of each page for each access; who asks meanwhile shares the next.

    The answer that somebody gets is never older than the question: what is under way when a change is told of is not
    for those who ask because of it.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Response]] = {}
        self._next: dict[Hashable, asyncio.Task[Response]] = {}

    async def answer(self, key: Hashable, make: Making) -> Response:
        """Return what `make` returns, called after this call, perhaps for several callers together."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.ensure_future(self._after(self._running.get(key), key, make))
        return await asyncio.shield(task)

    async def _after(self, before: asyncio.Task[Response] | None, key: Hashable, make: Making) -> Response:
        if before is not None:
            await asyncio.wait([before])
        mine = self._running[key] = self._next.pop(key)
        try:
            return await make()
        finally:
            if self._running.get(key) is mine:
                del self._running[key]
