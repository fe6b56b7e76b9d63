"""Clients that store one job after another, and remember when each was accepted."""

import asyncio
from contextlib import suppress
from typing import Self

from workmill import App
from workmill.running.elapsed import elapsed
from workmill.store import Store
from workmill.words.errors import StoreUnavailable

app = App("memory://")


@app.task
async def nothing(number: int) -> None:
    """Stand for a job: it is stored and never run."""


class Accepting:
    """Has clients at work while inside.

    Args:
        store: Where they store.
        clients: How many there are.

    Attributes:
        accepted: When each job was accepted, by its id.
    """

    def __init__(self, store: Store, clients: int) -> None:
        self.accepted: dict[str, float] = {}
        self._store = store
        self._clients = clients
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._go_on()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _go_on(self) -> None:
        with suppress(StoreUnavailable):
            while True:
                (stored,) = await self._store.enqueue([nothing.job(len(self.accepted))])
                self.accepted[stored.job.id] = elapsed()
