"""The keeper of a worker's lease: gets it, renews it, and says when the jobs must stop because it may end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from workmill.running.elapsed import Elapsed, Sleep, elapsed
from workmill.running.patience import pause_after, until_done
from workmill.running.switch import Switch
from workmill.store import NewWorker, Store
from workmill.words.emit import Emit
from workmill.words.events import StoreFailing, WorkerLeaseLost, WorkerOrdered
from workmill.words.order import Order

LEAVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Until when, by `elapsed`, a lease surely holds.

    Counted from before the renewal was sent, so that it ends here before it ends in the store.

    Attributes:
        stop_at: The jobs must be told to stop.
        over_at: Nothing of them may run any more.
    """

    stop_at: float
    over_at: float

    @property
    def grace_seconds(self) -> float:
        """How long the jobs may take to end when they are told at `stop_at`; then they must be given back."""
        return (self.over_at - self.stop_at) / 2


class Keeper:
    """Keeps one lease, of one worker id, for one event loop. A lost lease stays lost: a new worker needs a new keeper.

    ```
    new ──register()──► held ──renewed, every third of the lease──► held
                         │ │
                         │ └──the store says it ended, or no renewal succeeded in time──► lost: hold() returns
                         └──leave()──► left
    ```

    Args:
        store: An open store of this event loop.
        worker: Who asks for the lease.
        tell: Is told the term at once when it begins, and after every renewal.
        obey: Is given an order when a renewal brings another than the last.
        order: The order it follows at first; where it is another than to work, the store is told so.
    """

    def __init__(
        self,
        *,
        store: Store,
        worker: NewWorker,
        emit: Emit,
        tell: Callable[[Term], None] = lambda _: None,
        obey: Callable[[Order], None] = lambda _: None,
        order: Order = Order.WORK,
        clock: Elapsed = elapsed,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.leads = Switch()
        """Whether this worker leads, as far as its last renewal knows."""
        self.term: Term | None = None
        """How long the lease surely holds; None before there was one."""
        self._store = store
        self._worker = worker
        self._lease_seconds = worker.lease.total_seconds()
        self._emit = emit
        self._tell = tell
        self._obey = obey
        self._order = order
        self._clock = clock
        self._sleep = sleep

    @property
    def is_sure(self) -> bool:
        """Whether the lease surely holds now."""
        return self.term is not None and self._clock() < self.term.over_at

    async def register(self) -> None:
        """Get the lease, however often the store has to be asked."""

        async def ask() -> None:
            began = self._clock()
            await self._store.register(self._worker)
            if self._order is not Order.WORK:
                await self._store.order([self._worker.id], self._order)
            self._prolong(began)

        await until_done("register", ask, emit=self._emit, sleep=self._sleep)

    async def describe(self, worker: NewWorker) -> None:
        """Say anew what the worker is, such as which tasks it knows now. The term is left as it is."""
        self._worker = worker
        await until_done("describe the worker", partial(self._store.register, worker), emit=self._emit)

    async def hold(self) -> None:
        """Renew the lease until it is lost; returning means: stop the jobs, they must be over at `term.over_at`.

        The first renewal is at once, to learn whether this worker leads.
        """
        while await self._renew():
            await self._sleep(self._lease_seconds / 3)
        self.leads.turn_off()
        self._emit(WorkerLeaseLost(worker_id=self._worker.id))

    async def leave(self) -> None:
        """End the lease, so that what is still held is free at once. A store that fails lets it run out instead."""
        self.leads.turn_off()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._store.leave(self._worker.id)
        except Exception as error:  # noqa: BLE001 - at the edge: the worker ends all the same
            self._emit(StoreFailing(verb="leave", error=_said(error), retry_seconds=0.0))

    async def _renew(self) -> bool:
        """Renew until it succeeds or it is too late; return whether the lease lives on."""
        failures = 0
        while (left := self._left()) > 0:
            began = self._clock()
            try:
                async with asyncio.timeout(min(left, self._lease_seconds / 5)):
                    renewal = await self._store.renew(self._worker.id)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may do
                failures += 1
                await self._back_off(failures, error)
                continue
            if renewal.is_live:
                self._prolong(began)
                (self.leads.turn_on if renewal.is_leader else self.leads.turn_off)()
                self._heed(renewal.order)
            return renewal.is_live
        return False

    def _heed(self, order: Order) -> None:
        if order is not self._order:
            self._order = order
            self._emit(WorkerOrdered(worker_id=self._worker.id, order=order))
            self._obey(order)

    async def _back_off(self, failures: int, error: Exception) -> None:
        pause = max(0.0, min(pause_after(failures), self._left()))
        self._emit(StoreFailing(verb="renew the lease", error=_said(error), retry_seconds=pause))
        await self._sleep(pause)

    def _left(self) -> float:
        return -1.0 if self.term is None else self.term.stop_at - self._clock()

    def _prolong(self, began: float) -> None:
        lease = self._lease_seconds
        self.term = Term(stop_at=began + lease * 2 / 3, over_at=began + lease * 19 / 20)
        self._tell(self.term)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
