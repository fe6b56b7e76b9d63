"""A worker's lease and a leader's duties in a thread of their own, beside user code that may block its own loop."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from workmill.craft.program import Program
from workmill.running.checkup import say_what_is_amiss
from workmill.running.keeper import Keeper
from workmill.running.leader import duties_of, lead
from workmill.running.patience import until_done
from workmill.running.race import race
from workmill.store import NewWorker, Store
from workmill.words.order import Order


class LeaseThread:
    """One lease, kept from another thread; this object belongs to the loop that made it.

    ```
    start() ──► registering ──► registered ──► lost
                     │              │            │
                     └────────────end()──────────┴──► over: the lease is given back, the thread has ended
    ```

    Args:
        obey: Is given each order that comes, on the loop that made this.
        order: What the worker follows at first.
    """

    def __init__(
        self, program: Program, worker: NewWorker, *, obey: Callable[[Order], None], order: Order = Order.WORK
    ) -> None:
        self.registered = asyncio.Event()
        """Set when there is a lease, or when there never will be one: `end` tells why."""
        self.lost = asyncio.Event()
        """Set when the jobs must stop, within `grace_seconds`."""
        self._program = program
        self._worker = worker
        self._obey = obey
        self._order = order
        self._keeper: Keeper | None = None
        self._owner = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._owner.create_future()
        self._inner = asyncio.new_event_loop()
        self._is_leaving = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="workmill-lease", daemon=True)

    @property
    def is_sure(self) -> bool:
        """Whether the lease surely holds now."""
        return self._keeper is not None and self._keeper.is_sure

    @property
    def grace_seconds(self) -> float:
        """How long the jobs may take to end when the lease is lost."""
        term = None if self._keeper is None else self._keeper.term
        return 0.0 if term is None else term.grace_seconds

    def start(self) -> None:
        """Begin to ask for the lease."""
        self._thread.start()

    async def end(self) -> None:
        """Give the lease back, and wait for the end of the thread.

        Raises:
            StoreError: What kept the thread from getting a lease at all.
        """
        with suppress(RuntimeError):  # It ended by itself.
            self._inner.call_soon_threadsafe(self._is_leaving.set)
        await self._over

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with asyncio.Runner(loop_factory=lambda: self._inner) as runner:
                runner.run(self._keep())
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the thread's owner waits
            error = raised
        self._tell_owner(partial(self._note_end, error))

    async def _keep(self) -> None:
        store = self._program.open_store()
        try:
            await race(self._hold(store), self._is_leaving.wait())
            if self._keeper is not None:
                await self._keeper.leave()
        finally:
            await store.close()

    async def _hold(self, store: Store) -> None:
        emit = self._program.emit
        await until_done("open", store.open, emit=emit)
        self._keeper = keeper = Keeper(
            store=store, worker=self._worker, emit=emit, obey=self._pass_on, order=self._order
        )
        await keeper.register()
        self._tell_owner(self.registered.set)
        async with asyncio.TaskGroup() as group:
            leading = group.create_task(lead(keeper.leads, partial(duties_of, store, emit=emit)))
            looking = group.create_task(say_what_is_amiss(store, emit=emit))
            await keeper.hold()
            leading.cancel()
            looking.cancel()
        self._tell_owner(self.lost.set)
        await self._is_leaving.wait()

    def _pass_on(self, order: Order) -> None:
        self._tell_owner(partial(self._obey, order))

    def _tell_owner(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # The owner's loop is closed: nobody waits.
            self._owner.call_soon_threadsafe(call)

    def _note_end(self, error: BaseException | None) -> None:
        self.registered.set()
        self.lost.set()
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)
