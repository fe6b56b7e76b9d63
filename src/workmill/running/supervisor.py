"""The supervisor: the parent of a worker's process tree. It runs no user code, so nothing can keep it from its lease.

```
supervisor: lease, duties, signals, health
 ├─ engine ── what tasks start
 ├─ engine ── …
 ├─ engine of process tasks ── solo, solo, … ── what tasks start
 └─ extras
```
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workmill.running.command import Target
from workmill.running.crew import Post
from workmill.running.engine_process import EngineProcess
from workmill.running.extras import Extras
from workmill.running.health import health_address, health_served
from workmill.running.life import Life, LifeEnd
from workmill.running.options import SupervisorOptions
from workmill.running.orders import Orders, signals_to
from workmill.running.patience import until_done
from workmill.running.protocol import REFUSED
from workmill.running.race import race
from workmill.running.reaper import Reaper
from workmill.running.service_manager import State, service_manager, tell_for_ever
from workmill.running.sources import sources_watched
from workmill.store import Store
from workmill.stores.opening import store_factory
from workmill.words.config import masked
from workmill.words.emit import Emit
from workmill.words.errors import ConfigError


def run_supervisor(options: SupervisorOptions, *, emit: Emit) -> int:
    """Run a worker's process tree until TERM or INT, and return an exit code.

    The first signal drains: what runs may finish within the grace. The second stops now. What could not finish is given
    back without costing an attempt, and no child is left. HUP restarts what runs user code: successors load the
    application anew before the others leave, under the same lease. It works as process 1 of a container. Call it in the
    main thread of a process that has no other children.

    Returns:
        0 after an orderly end, 3 when the target cannot be loaded (said on stderr), else the code of an extra that
        ended by itself.

    Raises:
        ConfigError: The store lives inside one process, or the health port cannot be served.
        SchemaMismatch: A newer version wrote the store.
    """
    return asyncio.run(_Supervisor(options, emit).run())


class _Supervisor:
    def __init__(self, options: SupervisorOptions, emit: Emit) -> None:
        self._options = options
        self._emit = emit
        self._orders = Orders()
        self._reaper = Reaper()
        self._extras = Extras(options.extras, self._reaper, self._orders)
        self._numbers = itertools.count(1)
        self._is_proven = asyncio.Event()
        self._store: Store | None = None
        self._life: Life | None = None
        self._was_ready = False

    async def run(self) -> int:
        health = None if self._options.health is None else health_address(self._options.health)
        sources = self._options.folder if self._options.reload else None
        watched = sources_watched(sources, self._orders.restart)
        with signals_to(self._orders, can_restart=True), self._reaper.at_work(), watched:
            async with health_served(health, self._is_ready), self._service_manager_told():
                extras = asyncio.create_task(self._run_extras())
                try:
                    code = await self._live()
                finally:
                    self._orders.end("the worker ended")
                    await extras
        return code or self._extras.exit_code

    async def _live(self) -> int:
        """Live one life after another until one ends for good."""
        try:
            while True:
                self._life = Life(
                    options=self._options,
                    orders=self._orders,
                    recruit=self._recruit,
                    open_store=self._open_store,
                    is_proven=self._is_proven.is_set(),
                    renewed=self._extras.restart,
                    emit=self._emit,
                )
                how = await self._life.run()
                if how is LifeEnd.UNFIT and not await self._is_mended():
                    return REFUSED
                if how is LifeEnd.STOPPED or self._orders.draining.is_set():
                    return 0
        finally:
            if self._store is not None:
                await self._store.close()

    async def _is_mended(self) -> bool:
        """Wait for other code where it once could be loaded and a change would be noticed, or for the end."""
        if not self._options.reload or not self._is_proven.is_set():
            return False
        await race(self._orders.restarting.wait(), self._orders.draining.wait())
        self._orders.restarting.clear()
        return True

    def _recruit(self, post: Post) -> EngineProcess:
        options = self._options
        target = Target(
            name=options.target, folder=options.folder, log_level=options.log_level, log_format=options.log_format
        )
        solos = options.solo_processes if post is Post.SOLO_ENGINE else 0
        return EngineProcess(target, next(self._numbers), self._reaper, solos=solos)

    async def _open_store(self, url: str) -> Store:
        self._is_proven.set()
        if self._store is None:
            store = store_factory(url)()
            if not store.capabilities.crosses_processes:
                raise ConfigError(
                    f"store {masked(url)} lives inside one process, and a worker is several: "
                    "take sqlite:///workmill.db, or run the worker inside the program with app.run_worker()"
                )
            await until_done("open", store.open, emit=self._emit)
            self._store = store
        return self._store

    async def _run_extras(self) -> None:
        # Not before the target has loaded: a target that cannot be is said once, not by every process.
        await race(self._is_proven.wait(), self._orders.draining.wait())
        if not self._orders.draining.is_set():
            await self._extras.run()

    def _is_ready(self) -> bool:
        return self._life is not None and self._life.is_ready

    @asynccontextmanager
    async def _service_manager_told(self) -> AsyncIterator[None]:
        manager = service_manager(os.environ)
        if manager is None:
            yield
            return
        telling = asyncio.create_task(tell_for_ever(manager, self._state, self._is_well, self._orders))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            manager.close()

    def _state(self) -> State:
        self._was_ready = self._was_ready or self._is_ready()
        if self._orders.draining.is_set():
            return State.STOPPING
        if self._was_ready and self._orders.is_quiet:
            return State.QUIET
        if not self._is_ready():
            return State.WAITING if self._was_ready else State.STARTING
        is_restarting = self._orders.restarting.is_set() or (self._life is not None and self._life.is_restarting)
        return State.RESTARTING if is_restarting else State.READY

    def _is_well(self) -> bool:
        return self._life is None or self._life.is_well
