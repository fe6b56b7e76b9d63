"""A worker on a stage: the real keeper, engine and duties, in one process and on the stage's time."""

import asyncio
import uuid
from functools import partial

from proof.crashing.timing import StageTime
from proof.crashing.watched import WatchedStore
from proof.histories.entry import Op
from proof.histories.pen import Pen
from workmill.craft.program import Program
from workmill.running.engine import Engine
from workmill.running.keeper import Keeper
from workmill.running.leader import duties_of, lead
from workmill.running.options import WorkerOptions

CONCURRENCY = 3
END_SECONDS = 5.0
GRACE_SECONDS = 0.05


class StageWorker:
    """One lease, its engine and, while it leads, its duties."""

    def __init__(self, *, program: Program, store: WatchedStore, time: StageTime, pen: Pen) -> None:
        self.id = uuid.uuid4().hex
        self.store = store
        self._pen = pen
        worker = WorkerOptions(concurrency=CONCURRENCY).new_worker(self.id, tuple(program.tasks))
        self._keeper = Keeper(store=store, worker=worker, emit=program.emit, clock=time, sleep=time.sleep)
        self._engine = Engine(
            program=program, store=store, worker_id=self.id, concurrency=CONCURRENCY, grace=GRACE_SECONDS
        )
        self._duties = partial(duties_of, store, emit=program.emit)
        self._tasks: list[asyncio.Task[None]] = []
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Get the lease and begin to work."""
        self._pen.write(Op.WORKER, worker=self.id)
        await self._keeper.register()
        self._running = asyncio.create_task(self._engine.run())
        self._tasks = [
            asyncio.create_task(self._keeper.hold()),
            asyncio.create_task(lead(self._keeper.leads, self._duties)),
        ]

    async def freeze(self) -> None:
        """Let nothing of it move but the code of its jobs and, when that ends, its engine."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def stop(self, *, grace: float = 0.0) -> None:
        """Stop the engine, so that what has not ended goes back, and give the lease back."""
        await self._engine.stop(grace=grace)
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=END_SECONDS)
        await self._keeper.leave()

    async def kill(self) -> None:
        """Die: whatever its parts still do has no effect."""
        self.store.is_cut = True
        await self.end()

    async def end(self) -> None:
        """Let nothing of it be left, as when its process is gone."""
        tasks = [*self._tasks, *([self._running] if self._running is not None else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS)
