"""The worker inside a program: the engine on the program's own loop, the lease and the duties in a thread beside it.

User code that blocks the loop starves its neighbours but not the lease. What it cannot have is a supervisor's power to
kill: what does not heed its time limit or its cancel keeps its slot, and runs on when the lease is lost.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from workmill.craft.program import Program
from workmill.craft.run import Run
from workmill.running.declaring import declare
from workmill.running.engine import Engine
from workmill.running.lease_thread import LeaseThread
from workmill.running.options import WorkerOptions
from workmill.running.orders import Orders, signals_to
from workmill.running.overstay import GRACE
from workmill.running.patience import until_done
from workmill.running.pulse import Attendance
from workmill.running.race import ended, race
from workmill.store import NewWorker, Store
from workmill.words.config import masked
from workmill.words.errors import ConfigError
from workmill.words.events import JobsOverstayed, WorkerStarted, WorkerStopped, WorkerStopping
from workmill.words.order import Order

STOP_GRACE_SECONDS = 2.0
"""How long jobs may take to end once the worker stops now."""
LOOK_SECONDS = 1.0
"""How often it is looked whether a job overstays."""
FAREWELL_SECONDS = 5.0
"""How long a worker that ends tries to settle what it has; then it is left to a rescuer."""


def run_worker(program: Program, options: WorkerOptions) -> None:
    """Work until TERM or INT: the first drains, the second stops now and gives back what has not ended.

    Signals are handled where this is called in the main thread.

    Raises:
        ConfigError: The type hints of a task cannot be read, or a task needs processes of its own.
        StoreError: The store cannot be opened, for another reason than that it is unavailable.
    """

    async def main() -> None:
        orders = Orders()
        with signals_to(orders):
            await work(program, options, orders)

    asyncio.run(main())


@asynccontextmanager
async def working(program: Program, options: WorkerOptions) -> AsyncIterator[Orders]:
    """Have a worker on this loop while inside, from its first lease on; leaving stops it now.

    Raises:
        ConfigError, StoreError: As for `run_worker`.
    """
    orders, started = Orders(), asyncio.Event()
    worker = asyncio.create_task(work(program, options, orders, started=started))
    await race(started.wait(), ended(worker))
    try:
        yield orders
    finally:
        orders.stop("the program ends it")
        await worker


async def work(
    program: Program, options: WorkerOptions, orders: Orders, *, started: asyncio.Event | None = None
) -> None:
    """Work, as one worker after another where leases are lost, until the orders say otherwise.

    `started` is set at the first lease.

    Raises:
        ConfigError, StoreError: As for `run_worker`.
    """
    program.check_signatures()
    _refuse_process_tasks(program)
    while not orders.draining.is_set():
        worker = options.new_worker(uuid.uuid4().hex, tuple(program.tasks))
        await _Life(program, worker, orders, started or asyncio.Event()).run()


def _refuse_process_tasks(program: Program) -> None:
    if program.process_tasks:
        named = ", ".join(program.process_tasks)
        raise ConfigError(
            f"a worker inside a program cannot give jobs processes of their own (process=True on {named}): "
            "run them with `workmill worker module:app`"
        )


class _Life:
    """One lease of a worker inside a program."""

    def __init__(self, program: Program, worker: NewWorker, orders: Orders, started: asyncio.Event) -> None:
        self._program = program
        self._worker = worker
        self._orders = orders
        self._started = started
        self._engine: Engine | None = None
        self._lease = LeaseThread(program, worker, obey=self._obey, order=orders.order)
        self._has_begun = False

    async def run(self) -> None:
        store = self._program.open_store()
        self._lease.start()
        try:
            await race(self._begin(store), self._orders.draining.wait())
            if self._has_begun and self._lease.is_sure:
                await self._work(store)
        finally:
            await self._lease.end()
            await store.close()

    async def _begin(self, store: Store) -> None:
        await until_done("open", store.open, emit=self._program.emit)
        await self._lease.registered.wait()
        await until_done("declare rules", partial(declare, self._program, store), emit=self._program.emit)
        self._has_begun = True

    async def _work(self, store: Store) -> None:
        self._say_hello()
        self._engine = engine = Engine(
            program=self._program,
            store=store,
            worker_id=self._worker.id,
            queues=self._worker.queues,
            concurrency=self._worker.concurrency,
        )
        engine.quiet(is_on=self._orders.is_quiet)
        running = asyncio.create_task(engine.run())
        watching = asyncio.create_task(self._say_who_overstays(engine))
        try:
            await race(ended(running), self._lease.lost.wait(), self._orders.draining.wait())
            await self._end(engine, running)
        finally:
            running.cancel()
            watching.cancel()
            await asyncio.gather(running, watching, return_exceptions=True)
        if not running.cancelled():
            running.result()
        if not self._lease.lost.is_set():
            self._program.emit(WorkerStopped(worker_id=self._worker.id, returned=engine.given_back))

    def _obey(self, order: Order) -> None:
        self._orders.obey(order)
        if self._engine is not None:
            self._engine.quiet(is_on=self._orders.is_quiet)

    async def _end(self, engine: Engine, running: asyncio.Task[None]) -> None:
        lost, orders = self._lease.lost, self._orders
        if not lost.is_set() and not running.done():
            self._program.emit(WorkerStopping(worker_id=self._worker.id, why=orders.why))
            engine.drain()
            await race(ended(running), lost.wait(), orders.stopping.wait())
        if not running.done():
            await engine.stop(grace=self._lease.grace_seconds if lost.is_set() else STOP_GRACE_SECONDS)
        await race(ended(running), self._too_late())

    async def _too_late(self) -> None:
        # After a lost lease the store must answer before a new one makes sense: until then this life goes on trying
        # to give its jobs back, as long as nobody orders the end.
        if self._lease.lost.is_set():
            await self._orders.draining.wait()
        await asyncio.sleep(FAREWELL_SECONDS)

    async def _say_who_overstays(self, engine: Engine) -> None:
        attendance, said = Attendance(GRACE.total_seconds()), set[Run]()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            late = set(attendance.overstayed([run for run, _ in engine.runs()]))
            for run in late - said:
                why = f"{run.job.task} was asked to end, and inside a program nothing can make it"
                self._program.emit(JobsOverstayed(job_ids=(run.job.id,), why=why))
            said = late

    def _say_hello(self) -> None:
        self._started.set()
        self._program.emit(
            WorkerStarted(
                worker_id=self._worker.id,
                name=self._worker.name,
                queues=self._worker.queues,
                tasks=self._worker.tasks,
                concurrency=self._worker.concurrency,
                store=masked(self._program.url),
            )
        )
