"""Recycling: engines that are worn make room for fresh ones, successors first, and never in a loop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from workmill.running.crew import Crew
from workmill.running.elapsed import Elapsed, Sleep, elapsed
from workmill.running.engine_process import EngineProcess
from workmill.running.wear import NO_LIMITS, Limits, Wear, resident_of
from workmill.words.emit import Emit
from workmill.words.events import EngineWornEarly

LOOK_SECONDS = 1.0
LEAST_SECONDS = 10.0
"""How long an engine works at least that took the place of a worn one."""
MOST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Service:
    """Since when an engine works, and how long it must before it is looked at."""

    since: float
    least: float


class Recycling:
    """Looks at the engines of one crew, and has those relieved that have reached a limit.

    What they run, they finish, however long it takes. A limit of memory that even a fresh engine exceeds would have
    engines replaced for ever and nothing gained: each time that happens the next one works twice as long.

    Args:
        memory_of: How much memory a process holds.
    """

    def __init__(
        self,
        crew: Crew,
        limits: Limits,
        *,
        worker_id: str,
        emit: Emit,
        memory_of: Callable[[int], int] = resident_of,
        clock: Elapsed = elapsed,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._crew = crew
        self._limits = limits
        self._worker_id = worker_id
        self._emit = emit
        self._memory_of = memory_of
        self._clock = clock
        self._sleep = sleep
        self._services: dict[EngineProcess, _Service] = {}

    async def keep(self) -> None:
        """Look until cancelled; not at all where there is no limit."""
        while self._limits != NO_LIMITS:
            await self._sleep(LOOK_SECONDS)
            engines = [process for process in self._crew.at_work if not process.solos]
            known, now = self._services, self._clock()
            self._services = {process: known.get(process, _Service(now, 0.0)) for process in engines}
            for process in engines:
                await self._look_at(process)

    async def _look_at(self, process: EngineProcess) -> None:
        service = self._services[process]
        if self._clock() - service.since < service.least or self._is_crowded():
            return
        worn = self._limits.wear(process.pong.jobs, lambda: self._memory_of(process.pid))
        if worn is None:
            return
        wear, why = worn
        is_early = wear is Wear.MEMORY and self._clock() - service.since < service.least + LEAST_SECONDS
        least = min(max(service.least * 2, LEAST_SECONDS), MOST_SECONDS) if is_early else LEAST_SECONDS
        if is_early:
            self._warn(process, why, least)
        successor = await self._crew.relieve(process, why=why, grace_seconds=None)
        self._services[successor or process] = _Service(self._clock(), least)

    def _is_crowded(self) -> bool:
        """Whether as many still leave as work: jobs without end must not let processes pile up."""
        at_work = len(self._crew.at_work)
        return len(self._crew.present) - at_work >= at_work

    def _warn(self, process: EngineProcess, why: str, least: float) -> None:
        self._emit(
            EngineWornEarly(
                worker_id=self._worker_id, engine=process.number, pid=process.pid, why=why, least_seconds=least
            )
        )
