"""A stage: clients and workers of one process over one database, in a time that flows while no call is under way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from proof.crashing.databases import Database
from proof.crashing.faults import Plan
from proof.crashing.tasks import Gates, application
from proof.crashing.timing import StageTime
from proof.crashing.watched import Fate, WatchedStore
from proof.crashing.worker import StageWorker
from proof.histories.calling import Caller
from proof.histories.entry import Op
from proof.histories.noting import note_event
from proof.histories.pen import Pen
from workmill.running.rescuer import rescuer
from workmill.store import JobFilter, NoticeKind, Store
from workmill.words.duration import Duration
from workmill.words.job import NewJob

STEP_SECONDS = 1.0
LIMIT_SECONDS = 120.0
"""How much time of the stage may pass before a job that does not end counts as stuck."""
BREATH_SECONDS = 0.001
UNHURT: frozenset[NoticeKind] = frozenset()


class Stuck(Exception):
    """Jobs do not end although a live worker works."""


class Stage:
    """Where a scenario is played. Enter it before use.

    Args:
        plan: What goes wrong, and when.
        fate: What the process of this stage does when it dies.
        folder: Where its history goes.
    """

    def __init__(self, database: Database, plan: Plan, fate: Fate, folder: Path, role: str) -> None:
        self.time = StageTime(database)
        self.gates = Gates()
        self.pen = Pen(folder, role)
        self.fate = fate
        self.app = application(self.pen, self.gates)
        self._database = database
        self._plan = plan
        self._exits = AsyncExitStack()
        self._stores: list[WatchedStore] = []
        self._clean: Store | None = None
        self._caller: Caller | None = None

    async def __aenter__(self) -> Self:
        self._clean = await self._made()
        self._caller = Caller(await self.watched(), self.pen)
        flowing = asyncio.create_task(self._flow())
        self._exits.push_async_callback(_cancelled, flowing)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()
        self.pen.close()

    @property
    def clean(self) -> Store:
        """A store of which nothing is counted, for looking on."""
        assert self._clean is not None
        return self._clean

    @property
    def client(self) -> Caller:
        """A client whose calls count."""
        assert self._caller is not None
        return self._caller

    async def watched(self, *, deaf_to: frozenset[NoticeKind] = UNHURT) -> WatchedStore:
        """Open one more store whose calls count."""
        store = WatchedStore(await self._made(), self._plan, self.fate, deaf_to=deaf_to)
        self._stores.append(store)
        return store

    def job(
        self,
        task: str,
        number: int = 0,
        *,
        key: str | None = None,
        delay: Duration | None = None,
        keep: Duration | None = None,
    ) -> NewJob:
        """Make a job."""
        return self.app.task_named(task).using(key=key, delay=delay, keep=keep).job(number)

    async def enqueue(self, *jobs: NewJob, can_vanish: bool = False) -> list[str]:
        """Store jobs as a client, and return their ids."""
        return [job.id for job in await self.client.enqueue(jobs, can_vanish=can_vanish)]

    @asynccontextmanager
    async def working(self, *, deaf_to: frozenset[NoticeKind] = UNHURT) -> AsyncIterator[StageWorker]:
        """Have a worker with its lease and duties while inside; leaving stops it."""
        store = await self.watched(deaf_to=deaf_to)
        program = replace(self.app.program, emit=lambda event: note_event(self.pen, event))
        worker = StageWorker(program=program, store=store, time=self.time, pen=self.pen)
        try:
            await worker.start()
            yield worker
        finally:
            await worker.end()

    def fault(self, kind: str, worker: StageWorker) -> None:
        """Write down what is done to a worker."""
        self.pen.write(Op.FAULT, kind=kind, scope=worker.id)

    @asynccontextmanager
    async def rescuing(self, store: Store) -> AsyncIterator[None]:
        """Have a rescuer at work while inside, apart from any worker."""
        duty = asyncio.create_task(rescuer(store, emit=lambda event: note_event(self.pen, event)).run())
        try:
            yield
        finally:
            await _cancelled(duty)

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something holds.

        Raises:
            Stuck: It does not for too long.
        """
        ends_at = self.time() + LIMIT_SECONDS
        while not await holds():
            if self.time() > ends_at:
                raise Stuck
            await asyncio.sleep(BREATH_SECONDS)

    async def until_final(self) -> None:
        """Wait until every stored job is final."""
        await self.until(self._all_are_final)

    async def until_one_is_left(self) -> None:
        """Wait until no more than one job is stored."""

        async def is_left() -> bool:
            return sum(count.jobs for count in await self.clean.counts()) <= 1

        await self.until(is_left)

    async def pass_by(self, seconds: float) -> None:
        """Wait while so much time flows."""
        ends_at = self.time() + seconds

        async def is_over() -> bool:
            return self.time() >= ends_at

        await self.until(is_over)

    async def _all_are_final(self) -> bool:
        page = await self.clean.find(JobFilter(), limit=100, cursor=None)
        return all(job.state.is_final for job in page.jobs)

    async def _made(self) -> Store:
        store = await self._database.make()
        self._exits.push_async_callback(store.close)
        return store

    async def _flow(self) -> None:
        while not self.fate.is_dead:
            await asyncio.sleep(BREATH_SECONDS)
            if not any(store.under_way for store in self._stores):
                self.time.advance(STEP_SECONDS)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
