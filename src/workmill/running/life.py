"""One lease of a supervised worker: from the first hello of an engine until the lease is given back or lost."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from enum import StrEnum, auto
from functools import partial

from workmill.running.burial import Burial
from workmill.running.checkup import say_what_is_amiss
from workmill.running.crew import Crew, Post
from workmill.running.elapsed import elapsed
from workmill.running.engine_process import EngineProcess
from workmill.running.keeper import Keeper, Term
from workmill.running.leader import duties_of, lead
from workmill.running.options import SupervisorOptions
from workmill.running.orders import Orders
from workmill.running.patience import until_done
from workmill.running.protocol import Go, Hello, Prolong, Quiet
from workmill.running.race import ended, race
from workmill.running.recycling import Recycling
from workmill.running.relief import Relief
from workmill.running.taking import take_held
from workmill.running.vigil import Vigil
from workmill.store import NewWorker, Store
from workmill.words.config import masked
from workmill.words.emit import Emit
from workmill.words.events import WorkerStarted, WorkerStopped, WorkerStopping
from workmill.words.order import Order
from workmill.words.outcome import Returned

HEAR_SECONDS = 1.0
"""How long the children may take to hear that they drain; one that stands still claims nothing either."""
STOP_GRACE_SECONDS = 2.0
"""How long jobs may take to end once a worker stops now."""
STOP_SECONDS = 5.0
"""How long the children may take then to give back what did not end, before they are killed."""
KILL_SECONDS = 5.0
"""How long the kernel may take to end what was killed."""
FAREWELL_SECONDS = 5.0
"""How long a worker that ends tries to give back what killed children held; then it is left to the rescuer."""


class LifeEnd(StrEnum):
    """How a life ended. In each case no child is left."""

    STOPPED = auto()
    """On orders."""
    LOST = auto()
    """The lease ended, or could not be renewed in time."""
    UNFIT = auto()
    """The target cannot be loaded."""


class Life:
    """One worker id with its lease, its children and, while it leads, its duties.

    ```
    starting ──first hello, store open, registered──► working ──orders──► draining ──► stopping ──► left
                                                         │                   │            ▲
                                                         └──lease lost───────┴────────────┘
    ```

    Args:
        recruit: Starts an engine child.
        open_store: Opens the store that a child named, or returns it where it is open.
        is_proven: Whether the target is known to load.
        renewed: Is called when every engine was relieved by one with newer code.
    """

    def __init__(
        self,
        *,
        options: SupervisorOptions,
        orders: Orders,
        recruit: Callable[[Post], EngineProcess],
        open_store: Callable[[str], Awaitable[Store]],
        is_proven: bool,
        renewed: Callable[[], None],
        emit: Emit,
    ) -> None:
        self.worker_id = uuid.uuid4().hex
        self._options = options
        self._orders = orders
        self._open_store = open_store
        self._renewed = renewed
        self._emit = emit
        self._store: Store | None = None
        self._keeper: Keeper | None = None
        self._holding: asyncio.Task[None] | None = None
        self._relief: Relief | None = None
        self._burial: Burial | None = None
        self._returned = 0
        self._crew = Crew(
            size=options.engines,
            recruit=recruit,
            bury=self._bury,
            is_proven=is_proven,
            worker_id=self.worker_id,
            emit=emit,
        )

    @property
    def is_ready(self) -> bool:
        """Whether it surely holds its lease and takes jobs; a quiet one does not."""
        is_sure = self._keeper is not None and self._keeper.is_sure
        return is_sure and self._crew.is_working and not self._orders.is_quiet

    @property
    def is_restarting(self) -> bool:
        """Whether its engines are being relieved by others."""
        return self._relief is not None and self._relief.is_at_work

    @property
    def is_well(self) -> bool:
        """Whether a new start would cure nothing: it surely holds its lease, or knows that it does not."""
        knows = self._holding is None or self._holding.done()
        return knows or (self._keeper is not None and self._keeper.is_sure)

    async def run(self) -> LifeEnd:
        """Live."""
        try:
            await race(self._begin(), self._orders.draining.wait())
            if self._store is None or self._keeper is None or self._keeper.term is None:
                return await self._end_early()
            is_lost = await self._work(self._store, self._keeper)
        finally:
            self._crew.kill()
            await race(self._crew.gone(), asyncio.sleep(KILL_SECONDS))
        await self._bid_farewell(self._store, self._keeper, is_lost=is_lost)
        if self._crew.unfit.is_set():
            return LifeEnd.UNFIT
        return LifeEnd.LOST if is_lost else LifeEnd.STOPPED

    async def _begin(self) -> None:
        hello = await self._crew.first_hello()
        if hello is None:
            return
        self._store = await self._open_store(hello.url)
        self._burial = Burial(self._store, self.worker_id, self._options.overstay, emit=self._emit)
        worker = self._worker(hello)
        self._keeper = Keeper(
            store=self._store,
            worker=worker,
            emit=self._emit,
            tell=self._tell,
            obey=self._obey,
            order=self._orders.order,
        )
        await self._keeper.register()
        self._emit(
            WorkerStarted(
                worker_id=worker.id,
                name=worker.name,
                queues=worker.queues,
                tasks=worker.tasks,
                concurrency=worker.concurrency,
                store=masked(hello.url),
            )
        )

    def _worker(self, hello: Hello) -> NewWorker:
        solos = self._options.solo_processes if hello.process_tasks else 0
        return self._options.worker.new_worker(self.worker_id, hello.tasks, engines=self._options.engines, solos=solos)

    async def _end_early(self) -> LifeEnd:
        if self._keeper is not None:
            await self._keeper.leave()  # It may be registered all the same.
        if self._crew.unfit.is_set():
            self._say_why_it_ends()
            return LifeEnd.UNFIT
        return LifeEnd.STOPPED

    async def _work(self, store: Store, keeper: Keeper) -> bool:
        """Work until the children are gone, on orders or because the lease was lost; return whether it was lost."""
        async with asyncio.TaskGroup() as group:
            holding = self._holding = group.create_task(keeper.hold())
            leading = group.create_task(lead(keeper.leads, partial(duties_of, store, emit=self._emit)))
            keeping = group.create_task(self._crew.keep(partial(self._go, keeper)))
            looking = group.create_task(say_what_is_amiss(store, emit=self._emit))
            self._relief = self._new_relief(keeper)
            relieving = group.create_task(self._relief.obey_for_ever())
            watching = group.create_task(self._vigil(store).keep())
            recycling = group.create_task(self._recycling().keep())
            await race(ended(holding), self._crew.unfit.wait(), self._orders.draining.wait())
            if not holding.done():
                await self._drain(holding)
            is_lost = holding.done()
            await self._stop(keeper, is_lost=is_lost)
            await race(ended(keeping), asyncio.sleep(FAREWELL_SECONDS))  # The last burial.
            for task in (holding, leading, keeping, looking, relieving, watching, recycling):
                task.cancel()
        return is_lost

    def _vigil(self, store: Store) -> Vigil:
        grace = self._options.overstay
        return Vigil(crew=self._crew, store=store, worker_id=self.worker_id, grace=grace, emit=self._emit)

    def _recycling(self) -> Recycling:
        return Recycling(self._crew, self._options.limits, worker_id=self.worker_id, emit=self._emit)

    def _new_relief(self, keeper: Keeper) -> Relief:
        async def relieved(hello: Hello) -> None:
            self._renewed()
            await keeper.describe(self._worker(hello))

        grace = self._options.grace.total_seconds()
        return Relief(self._crew, self._orders, grace_seconds=grace, relieved=relieved, emit=self._emit)

    async def _drain(self, holding: asyncio.Task[None]) -> None:
        self._crew.drain()
        await race(self._crew.drained(), asyncio.sleep(HEAR_SECONDS), self._orders.stopping.wait())
        self._say_why_it_ends()  # Only now is it true.
        grace = asyncio.sleep(self._options.grace.total_seconds())
        await race(self._crew.gone(), grace, self._orders.stopping.wait(), ended(holding))

    async def _stop(self, keeper: Keeper, *, is_lost: bool) -> None:
        """End the children: let them give back what they hold, then kill those that are late."""
        grace, seconds = STOP_GRACE_SECONDS, STOP_SECONDS
        if is_lost and keeper.term is not None:
            grace, seconds = keeper.term.grace_seconds, max(keeper.term.over_at - elapsed(), 0.0)
        self._crew.stop(grace)
        await race(self._crew.gone(), asyncio.sleep(seconds))
        self._crew.kill()
        await race(self._crew.gone(), asyncio.sleep(KILL_SECONDS))

    async def _bid_farewell(self, store: Store, keeper: Keeper, *, is_lost: bool) -> None:
        """Give back uncounted what killed children held, and end the lease.

        After a lost lease the store must answer again before a new life makes sense: this waits for it, as long as
        nobody orders the end.
        """
        await race(self._give_back(store), self._too_late(is_lost=is_lost))
        await keeper.leave()
        if not is_lost:
            returned = self._returned + self._crew.returned + (self._burial.returned if self._burial else 0)
            self._emit(WorkerStopped(worker_id=self.worker_id, returned=returned))

    async def _give_back(self, store: Store) -> None:
        take = partial(take_held, store, self.worker_id, Returned())
        taken = await until_done("give jobs back", take, emit=self._emit)
        self._returned += len(taken.job_ids)

    async def _too_late(self, *, is_lost: bool) -> None:
        if is_lost:
            await self._orders.draining.wait()
        await asyncio.sleep(FAREWELL_SECONDS)

    async def _bury(self, process: EngineProcess) -> None:
        if self._burial is not None:
            await self._burial.bury(process)

    def _go(self, keeper: Keeper, process: EngineProcess) -> Go:
        worker, term = self._options.worker, keeper.term
        if term is None:
            raise RuntimeError("no engine may go before there is a lease")
        return Go(
            worker_id=self.worker_id,
            engine=process.number,
            queues=worker.queues,
            concurrency=process.solos or worker.concurrency,
            is_quiet=self._orders.is_quiet,
            term=term,
            overstay_seconds=self._options.overstay.total_seconds(),
            max_jobs=self._options.limits.jobs,
            max_memory=self._options.limits.memory,
        )

    def _tell(self, term: Term) -> None:
        self._crew.tell(Prolong(term=term))

    def _obey(self, order: Order) -> None:
        self._orders.obey(order)
        self._crew.tell(Quiet(is_on=self._orders.is_quiet))

    def _say_why_it_ends(self) -> None:
        why = self._orders.why or f"{self._options.target} cannot be loaded"
        self._emit(WorkerStopping(worker_id=self.worker_id, why=why))
