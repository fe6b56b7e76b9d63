"""What unit tests of the running floor stand on: a store that fails on order, time that a test moves, kept events."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from workmill.store import ClaimRequest, NewWorker
from workmill.stores.memory import MemoryStore, Vault
from workmill.testing.clock import FakeClock
from workmill.words.events import Event
from workmill.words.job import Job, NewJob
from workmill.words.names import job_id
from workmill.words.policy import Policy


class FailingStore(MemoryStore):
    """A memory store whose verbs raise what `failures` holds for them, first in first out."""

    def __init__(self, vault: Vault | None = None, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        super().__init__(vault or Vault(), self.clock)
        self.failures: dict[str, list[Exception]] = {}
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: object, **kwargs: object) -> object:
            self.calls.append(name)
            if self.failures.get(name):
                raise self.failures[name].pop(0)
            return await found(*args, **kwargs)

        return call


class Time:
    """Elapsed time that moves when somebody sleeps, and the store's clock with it."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self._clock = clock

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        if self._clock is not None:
            self._clock.advance(seconds)


class Kept(list[Event]):
    """Events, in order."""

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


def new_worker(worker_id: str = "w1", lease: float = 15.0) -> NewWorker:
    return NewWorker(
        id=worker_id,
        name=worker_id,
        host="host",
        pid=1,
        queues=None,
        tasks=("add",),
        concurrency=4,
        lease=timedelta(seconds=lease),
    )


def new_jobs(count: int, **changes: Any) -> list[NewJob]:
    fields = {"task": "add", "queue": "default", "priority": 0, "args": b"{}", "policy": Policy(), **changes}
    return [NewJob(id=job_id(number, bytes(10)), **fields) for number in range(1, count + 1)]


async def claimed(store: MemoryStore, count: int, worker_id: str = "w1", lease: float = 15.0) -> Sequence[Job]:
    """Store so many jobs and let a worker take them."""
    await store.enqueue(new_jobs(count))
    await store.register(new_worker(worker_id, lease))
    return await store.claim(ClaimRequest(worker_id=worker_id, engine=1, queues=None, tasks=("add",), limit=count))
