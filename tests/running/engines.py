"""An engine on the test's own loop, over a memory store whose answers a test may delay, refuse or lose."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from workmill import App, Event
from workmill.running.engine import Engine
from workmill.store import ClaimRequest, Listener, NewWorker, Notice, NoticeKind
from workmill.stores.memory import MemoryStore, Vault
from workmill.testing import FakeClock
from workmill.words.events import JobSettled
from workmill.words.outcome import Returned
from workmill.words.transition import decide

LONGEST_SECONDS = 5.0
WORKER = "w1"


class FaultyStore(MemoryStore):
    """A memory store that fails on order.

    Attributes:
        before: What a verb raises, by its name, instead of doing anything.
        after: What a verb raises when it has done its work, so that the answer is lost.
        gates: What a verb waits for before it does anything.
        late: What a verb waits for when it has done its work, before it answers.
        calls: The verbs, in the order they were called.
        deaf_to: Which notices are lost.
    """

    def __init__(self, vault: Vault, clock: FakeClock) -> None:
        super().__init__(vault, clock)
        self.before: defaultdict[str, list[Exception]] = defaultdict(list)
        self.after: defaultdict[str, list[Exception]] = defaultdict(list)
        self.gates: dict[str, asyncio.Event] = {}
        self.late: dict[str, asyncio.Event] = {}
        self.calls: list[str] = []
        self.called = asyncio.Event()
        self.deaf_to: frozenset[NoticeKind] = frozenset()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not asyncio.iscoroutinefunction(found) or name == "until_called":
            return found

        async def call(*args: object, **kwargs: object) -> object:
            self.calls.append(name)
            self.called.set()
            if name in self.gates:
                await self.gates[name].wait()
            if self.before[name]:
                raise self.before[name].pop(0)
            answer = await found(*args, **kwargs)
            if name in self.late:
                await self.late[name].wait()
            if self.after[name]:
                raise self.after[name].pop(0)
            return answer

        return call

    @asynccontextmanager
    async def listen(self, kinds: frozenset[NoticeKind]) -> AsyncIterator[Listener]:
        self.calls.append("listen")
        self.called.set()
        if "listen" in self.gates:
            await self.gates["listen"].wait()
        if self.before["listen"]:
            raise self.before["listen"].pop(0)
        async with super().listen(kinds) as ear:
            yield _Ear(self, ear)

    async def until_called(self, verb: str, times: int = 1) -> None:
        """Wait until a verb was called so often."""
        async with asyncio.timeout(LONGEST_SECONDS):
            while self.calls.count(verb) < times:
                self.called.clear()
                await self.called.wait()


class _Ear:
    def __init__(self, store: FaultyStore, ear: Listener) -> None:
        self._store = store
        self._ear = ear

    async def next(self, timeout: float) -> list[Notice]:
        if self._store.before["next"]:
            raise self._store.before["next"].pop(0)
        heard = await self._ear.next(timeout)
        self._store.calls.append("heard")
        self._store.called.set()
        return [notice for notice in heard if notice.kind not in self._store.deaf_to]


class Workshop:
    """An application, its store, and engines that work for it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.app = App("memory://", clock=self.clock)
        own = self.app.program.open_store()
        assert isinstance(own, MemoryStore)
        self.store = FaultyStore(own._vault, self.clock)  # noqa: SLF001 - one vault, also for the application's calls
        self.own_store = own
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.app.observe(self._note)

    def engine(self, **options: Any) -> Engine:
        return Engine(program=self.app.program, store=self.store, worker_id=WORKER, **{"concurrency": 4, **options})

    async def register(self, worker_id: str = WORKER, lease: timedelta = timedelta(days=1)) -> None:
        await self.own_store.register(
            NewWorker(
                id=worker_id,
                name=worker_id,
                host="host",
                pid=1,
                queues=None,
                tasks=tuple(self.app.tasks),
                concurrency=4,
                lease=lease,
            )
        )

    @asynccontextmanager
    async def working(self, **options: Any) -> AsyncIterator[Engine]:
        """Have an engine work while inside; leaving stops it and waits for its end."""
        await self.register()
        engine = self.engine(**options)
        running = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            await engine.stop(grace=0.1)
            async with asyncio.timeout(LONGEST_SECONDS):
                await running

    async def take_away(self) -> None:
        """Let another worker have what the engine runs, as when its lease had ended."""
        held = await self.own_store.held(WORKER)
        await self.own_store.settle([decide(job, Returned(), chance=0.0) for job in held])
        await self.register(worker_id="other")
        tasks = tuple(self.app.tasks)
        await self.own_store.claim(ClaimRequest(worker_id="other", engine=0, queues=None, tasks=tasks, limit=9))

    def of(self, kind: type[Event]) -> list[Any]:
        """Return the events of a kind, oldest first."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looking after every event."""
        async with asyncio.timeout(LONGEST_SECONDS):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def until_settled(self, count: int) -> None:
        """Wait until so many attempts were settled."""
        await self.until(lambda: len(self.of(JobSettled)) >= count)

    def _note(self, event: Event) -> None:
        self.events.append(event)
        self._loop.call_soon_threadsafe(self._changed.set)  # jobs are enqueued where the application's store lives


async def gate_opened(gate: asyncio.Event) -> None:
    """Wait for a gate, not for ever."""
    async with asyncio.timeout(LONGEST_SECONDS):
        await gate.wait()
