"""The engine children of one lease: starts them, keeps their number up, passes orders on, and ends them."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum, auto

from workmill.running.elapsed import Elapsed, Sleep, elapsed
from workmill.running.engine_process import EngineProcess
from workmill.running.patience import pause_after
from workmill.running.protocol import REFUSED, Drain, Go, Hello, Message, Stop
from workmill.running.race import race
from workmill.words.events import Emit, EngineDied

MOST_FAILED_STARTS = 3
"""So many children in a row that die before their hello end the worker."""
STEADY_SECONDS = 30.0
"""A child that has worked this long is no sign of a crash loop when it dies."""


class Post(Enum):
    """What a child is there for."""

    ENGINE = auto()
    """To run jobs."""
    SOLO_ENGINE = auto()
    """To run those that need a process of their own."""


class Crew:
    """Engine children, kept at a number.

    ```
    one place:  starting ──hello──► ready ──go──► working ──dies──► buried ──pause──► starting
                    │                                │
                    └──dies, 3 times in a row──► unfit  └──drain, stop, kill──► empty
    ```

    Args:
        size: How many children work at a time; one more, where there are tasks that need processes of their own.
        recruit: Starts one child for a post.
        bury: Is awaited with each working child that died, before its place is taken by another.
        is_proven: Whether the target is known to load: until then a refusal is final, and not tried again.
    """

    def __init__(
        self,
        *,
        size: int,
        recruit: Callable[[Post], EngineProcess],
        bury: Callable[[EngineProcess], Awaitable[None]],
        is_proven: bool,
        worker_id: str,
        emit: Emit,
        clock: Elapsed = elapsed,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.unfit = asyncio.Event()
        """Set when children die again and again before they are ready; no more are started."""
        self._size = size
        self._recruit = recruit
        self._bury = bury
        self._is_proven = is_proven
        self._worker_id = worker_id
        self._emit = emit
        self._clock = clock
        self._sleep = sleep
        self._processes: list[EngineProcess] = []
        self._first: EngineProcess | None = None
        self._is_ending = asyncio.Event()
        self._is_stopping = False

    @property
    def is_working(self) -> bool:
        """Whether at least one child takes jobs."""
        working = (process.has_gone and not process.has_ended for process in self._processes)
        return not self._is_ending.is_set() and any(working)

    @property
    def returned(self) -> int:
        """How many jobs the children said they gave back."""
        return sum(process.bye.returned for process in self._processes if process.bye is not None)

    async def first_hello(self) -> Hello | None:
        """Start the first child and return its hello; None when there is none because the crew ends or is unfit."""
        self._first = await self._recruit_ready(Post.ENGINE)
        return None if self._first is None else await self._first.hello()

    async def keep(self, go: Callable[[EngineProcess], Go]) -> None:
        """Keep all places filled until the crew ends; the first child is there already."""
        hello = None if self._first is None else await self._first.hello()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill(Post.ENGINE, self._first, go))
            for _ in range(self._size - 1):
                group.create_task(self._fill(Post.ENGINE, None, go))
            if hello is not None and hello.process_tasks:
                group.create_task(self._fill(Post.SOLO_ENGINE, None, go))

    def tell(self, message: Message) -> None:
        """Say something to every child that works."""
        for process in self._living():
            if process.has_gone:
                process.say(message)

    def drain(self) -> None:
        """Start no more children, and let those that work finish."""
        self._is_ending.set()
        for process in self._living():
            if process.has_gone:
                process.say(Drain())
            else:
                process.kill()

    def stop(self, grace_seconds: float) -> None:
        """Let those that work give their jobs back, after a grace. Whoever dies from now on is not buried."""
        self._is_stopping = True
        self.drain()
        self.tell(Stop(grace_seconds=grace_seconds))

    def kill(self) -> None:
        """End every child at once."""
        self._is_stopping = True
        self._is_ending.set()
        for process in self._living():
            process.kill()

    async def gone(self) -> None:
        """Wait until no child lives."""
        while living := self._living():
            await living[0].ended()

    def _living(self) -> list[EngineProcess]:
        return [process for process in self._processes if not process.has_ended]

    async def _fill(self, post: Post, process: EngineProcess | None, go: Callable[[EngineProcess], Go]) -> None:
        losses = 0
        while process := process or await self._recruit_ready(post):
            began = self._clock()
            process.has_gone = True
            process.say(go(process))
            await process.ended()
            if process.bye is None and not self._is_stopping:
                self._note_death(process, process.how_it_ended)
                await self._bury(process)
            losses = 1 if self._clock() - began > STEADY_SECONDS else losses + 1
            process = None
            await self._pause(losses)

    async def _recruit_ready(self, post: Post) -> EngineProcess | None:
        """Start children until one says hello; None when the crew ends, or too many died first."""
        for failures in range(1, MOST_FAILED_STARTS + 1):
            if self._is_ending.is_set():
                return None
            process = self._recruit(post)
            self._processes.append(process)
            if await process.hello() is not None:
                self._is_proven = True
                return None if self._is_ending.is_set() else process
            if self._is_ending.is_set() or (process.exit_code == REFUSED and not self._is_proven):
                break
            self._note_death(process, f"{process.how_it_ended} before it was ready")
            await self._pause(failures)
        if not self._is_ending.is_set():
            self.unfit.set()
        return None

    def _note_death(self, process: EngineProcess, how: str) -> None:
        self._emit(EngineDied(worker_id=self._worker_id, engine=process.number, pid=process.pid, how=how))

    async def _pause(self, failures: int) -> None:
        await race(self._sleep(pause_after(failures)), self._is_ending.wait())
