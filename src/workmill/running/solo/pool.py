"""The solo processes of one engine: started on demand, kept warm, each lent to one job at a time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from workmill.running.command import Target
from workmill.running.patience import pause_after
from workmill.running.solo.process import SoloProcess
from workmill.running.solo.words import Leave
from workmill.running.wear import NO_LIMITS, Limits, resident_of

IDLE_SECONDS = 60.0
"""How long a solo that nobody needs is kept; one is always kept."""
MOST_FAILED_STARTS = 3
"""So many solos in a row that end before they are ready are the engine's own fault."""


class SoloFailure(RuntimeError):
    """No solo process can be had."""


class Pool:
    """Up to `most` solo processes.

    ```
    take() ──► warm, or starting ──ready──► lent ──give_back()──► warm ──idle, not the last──► leaves
                           │                 └──discard()──► killed
                           └──ends, 3 times in a row──► SoloFailure for whoever waits
    ```

    Args:
        limits: When one has run enough, and another takes its place.
        tell: Is told the process ids of all that live, whenever they change.
    """

    def __init__(
        self,
        target: Target,
        most: int,
        *,
        limits: Limits = NO_LIMITS,
        tell: Callable[[Sequence[int]], None] = lambda _: None,
    ) -> None:
        self._target = target
        self._most = most
        self._limits = limits
        self._jobs: dict[SoloProcess, int] = {}
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._all: list[SoloProcess] = []
        self._usable: set[SoloProcess] = set()
        self._warm: list[SoloProcess] = []
        self._retiring: dict[SoloProcess, asyncio.TimerHandle] = {}
        self._waiting: deque[asyncio.Future[SoloProcess]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._is_closed = False

    def warm_up(self) -> None:
        """Have one ready before it is needed."""
        if not self._usable and not self._starting and not self._is_closed:
            self._start_one()

    async def take(self) -> SoloProcess:
        """Lend a warm solo, or a new one.

        Raises:
            SoloFailure: None can be started.
        """
        while True:
            solo = self._warmest() or await self._next()
            if solo.is_heeding:
                self._jobs[solo] = self._jobs.get(solo, 0) + 1
                return solo
            self.discard(solo)  # It has ended, and that has not come round yet.

    def give_back(self, solo: SoloProcess) -> None:
        """Take back one that can run another job."""
        if not solo.is_heeding or self._is_closed:
            self.discard(solo)
            return
        if self._limits.wear(self._jobs.get(solo, 0), partial(resident_of, solo.pid)):
            self._let_worn_go(solo)
            return
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(solo)
                return
        self._warm.append(solo)
        self._retiring[solo] = self._loop.call_later(IDLE_SECONDS, self._retire, solo)

    def discard(self, solo: SoloProcess) -> None:
        """Take back one that is dead, or not fit for another job: it is killed with what it started."""
        self._usable.discard(solo)
        solo.kill()
        self._start_enough()
        self.warm_up()

    def close(self) -> None:
        """Lend no more, let the warm ones leave, and kill the others."""
        self._is_closed = True
        for task in self._starting:
            task.cancel()
        for solo in self._all:
            if solo in self._retiring:
                self._retiring.pop(solo).cancel()
                solo.leave(Leave())
            else:
                solo.kill()
        self._warm.clear()

    async def gone(self) -> None:
        """Wait until all are gone, after `close`: they end or are killed within seconds."""
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*[solo.ended() for solo in self._all])

    def _warmest(self) -> SoloProcess | None:
        if not self._warm:
            return None
        solo = self._warm.pop()  # The one used last: the others may grow idle.
        self._retiring.pop(solo).cancel()
        return solo

    async def _next(self) -> SoloProcess:
        place: asyncio.Future[SoloProcess] = self._loop.create_future()
        self._waiting.append(place)
        self._start_enough()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.give_back(place.result())
            raise

    def _start_enough(self) -> None:
        waiting = sum(not place.done() for place in self._waiting)
        while len(self._starting) < waiting and len(self._usable) + len(self._starting) < self._most:
            self._start_one()

    def _start_one(self) -> None:
        task = self._loop.create_task(self._start_until_ready())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start_until_ready(self) -> None:
        while not self._is_closed:
            try:
                solo = self._spawned()
                await solo.connect()
            except OSError as error:
                self._note_failure(f"it cannot be started: {error}")
            else:
                if await solo.ready():
                    self._failures = 0
                    self._usable.add(solo)
                    self._loop.call_soon(self.give_back, solo)
                    return
                self._note_failure(f"it ended before it was ready: {(await solo.ended()).how}")
            await asyncio.sleep(pause_after(self._failures))

    def _spawned(self) -> SoloProcess:
        solo = SoloProcess(self._target)
        self._all.append(solo)
        solo.on_end(partial(self._note_end, solo))
        self._tell([each.pid for each in self._all])
        return solo

    def _note_end(self, solo: SoloProcess) -> None:
        self._all.remove(solo)
        self._jobs.pop(solo, None)
        self._tell([each.pid for each in self._all])
        if solo in self._retiring:
            self._let_go(solo)
            self._start_enough()
            self.warm_up()

    def _retire(self, solo: SoloProcess) -> None:
        if len(self._usable) > 1:
            self._let_go(solo)
            solo.leave(Leave())
        else:
            self._retiring[solo] = self._loop.call_later(IDLE_SECONDS, self._retire, solo)

    def _let_worn_go(self, solo: SoloProcess) -> None:
        self._usable.discard(solo)
        solo.leave(Leave())
        self._start_enough()
        self.warm_up()

    def _let_go(self, solo: SoloProcess) -> None:
        self._retiring.pop(solo).cancel()
        self._warm.remove(solo)
        self._usable.discard(solo)

    def _note_failure(self, why: str) -> None:
        self._failures += 1
        if self._failures >= MOST_FAILED_STARTS:
            while self._waiting:
                place = self._waiting.popleft()
                if not place.done():
                    place.set_exception(SoloFailure(f"no process of its own for a job: {why}"))
