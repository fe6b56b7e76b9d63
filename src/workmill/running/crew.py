"""The engine children of one lease: starts them, keeps their number up, passes orders on, and ends them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from functools import partial

from workmill.running.elapsed import Elapsed, Sleep, elapsed
from workmill.running.engine_process import EngineProcess
from workmill.running.patience import pause_after
from workmill.running.protocol import REFUSED, Drain, Go, Hello, Message, Stop
from workmill.running.race import race
from workmill.words.emit import Emit
from workmill.words.events import EngineDied, EngineKept, EngineRelieved

MOST_FAILED_STARTS = 3
"""So many children in a row that die before their hello end the worker."""
STEADY_SECONDS = 30.0
"""A child that has worked this long is no sign of a crash loop when it dies."""
LEAVE_GRACE_SECONDS = 2.0
"""How long the jobs of a child that leaves its place may take to end once it must."""
LEAVE_SECONDS = 5.0
"""How long it may take then to give back what did not end, before it is killed."""


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
                    │                                │ │
                    └──dies, 3 times in a row──► unfit │ └──drain, stop, kill──► empty
                                                     └──relieved: its successor has said hello──► leaving ──► gone
    ```

    Args:
        size: How many children work at a time; one more, where there are tasks that need processes of their own.
        recruit: Starts one child for a post.
        bury: Is awaited with each working child that ended without a bye, before its place is taken by another.
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
        self.full = asyncio.Event()
        """Set while every place is filled by a child that works."""
        self._size = size
        self._recruit = recruit
        self._bury = bury
        self._is_proven = is_proven
        self._worker_id = worker_id
        self._emit = emit
        self._clock = clock
        self._sleep = sleep
        self._processes: list[EngineProcess] = []
        self._at_work: dict[EngineProcess, Post] = {}
        self._leaving: dict[EngineProcess, asyncio.Event] = {}
        self._returned = 0
        self._first: EngineProcess | None = None
        self._go: Callable[[EngineProcess], Go] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._posts: list[Post] = []
        self._url: str | None = None
        self._is_ending = asyncio.Event()
        self._is_stopping = False

    @property
    def is_working(self) -> bool:
        """Whether at least one child takes jobs."""
        return not self._is_ending.is_set() and any(not process.has_ended for process in self._at_work)

    @property
    def returned(self) -> int:
        """How many jobs the children said they gave back."""
        return self._returned

    @property
    def at_work(self) -> Sequence[EngineProcess]:
        """The children that fill a place now; those that leave theirs are not among them."""
        return tuple(self._at_work)

    @property
    def present(self) -> Sequence[EngineProcess]:
        """The children that may hold jobs: those at work, and those that leave their places."""
        return (*self._at_work, *self._leaving)

    @property
    def is_ending(self) -> bool:
        """Whether it starts no more children."""
        return self._is_ending.is_set()

    async def first_hello(self) -> Hello | None:
        """Start the first child and return its hello; None when there is none because the crew ends or is unfit."""
        self._first = await self._recruit_ready(Post.ENGINE)
        hello = None if self._first is None else await self._first.hello()
        self._url = None if hello is None else hello.url
        return hello

    async def keep(self, go: Callable[[EngineProcess], Go]) -> None:
        """Keep all places filled until the crew ends; the first child is there already."""
        hello = None if self._first is None else await self._first.hello()
        async with asyncio.TaskGroup() as group:
            self._go, self._group = go, group
            self._posts = [Post.ENGINE] * self._size
            group.create_task(self._fill(Post.ENGINE, self._first))
            for _ in range(self._size - 1):
                group.create_task(self._fill(Post.ENGINE, None))
            if hello is not None and hello.process_tasks:
                self.open_place(Post.SOLO_ENGINE)

    async def relieve(
        self,
        process: EngineProcess,
        *,
        why: str,
        grace_seconds: float | None,
        see_off: Callable[[EngineProcess], Awaitable[None]] | None = None,
    ) -> EngineProcess | None:
        """Let a successor take a child's place, and the child leave: it finishes what runs, and takes no more.

        The successor is ready before the child is told anything. What a child that leaves has not finished after its
        grace goes back uncounted; one that cannot do so by itself is killed, and `is_dismissed`.

        Args:
            process: One that is `at_work`, or was a moment ago.
            why: The reason, for the log.
            grace_seconds: How long it may go on; None: until all it runs has ended, or `hurry` is called.
            see_off: Has it end in another way than this, and is awaited until it has.

        Returns:
            The successor; None when there is none, because it could not be started or belongs to another
            store, or because the child left its place by itself meanwhile: then nothing has changed.
        """
        post = self._at_work.get(process)
        if post is None or self._is_ending.is_set():
            return None
        successor = self._recruited(post)
        hello = await successor.hello()
        if process not in self._at_work or self._group is None or self._is_ending.is_set():
            successor.kill()
            return None
        if hello is None or hello.url != self._url:
            self._keep(process, successor)
            return None
        self._emit(
            EngineRelieved(
                worker_id=self._worker_id,
                engine=process.number,
                pid=process.pid,
                successor_pid=successor.pid,
                why=why,
            )
        )
        del self._at_work[process]
        self._at_work[successor] = post
        self._leaving[process] = asyncio.Event()
        self._group.create_task(self._fill(post, successor))
        self._group.create_task(self._see_out(process, see_off or partial(self._see_off, grace_seconds=grace_seconds)))
        return successor

    def hurry(self, grace_seconds: float) -> None:
        """Let all that leave their places now go on no longer than this; what they run then goes back uncounted."""
        for must_go in self._leaving.values():
            asyncio.get_running_loop().call_later(grace_seconds, must_go.set)

    def open_place(self, post: Post) -> None:
        """See to it that there is a place of a kind."""
        if self._group is not None and post not in self._posts and not self._is_ending.is_set():
            self._posts.append(post)
            self.full.clear()
            self._group.create_task(self._fill(post, None))

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

    async def drained(self) -> None:
        """Wait until every child has heard that it drains."""
        for process in self._living():
            if process.has_gone:
                await process.drained.wait()

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

    async def _fill(self, post: Post, process: EngineProcess | None) -> None:
        """Keep a place filled, until the crew ends or the child in it is relieved: the successor's place is its own."""
        losses = 0
        while process := process or await self._recruit_ready(post):
            began = self._clock()
            self._set_to_work(process, post)
            await process.ended()
            is_relieved = self._at_work.pop(process, None) is None
            self._note_places()
            await self._note_end(process)
            if is_relieved:
                return
            losses = 1 if self._clock() - began > STEADY_SECONDS else losses + 1
            process = None
            await self._pause(losses)

    def _set_to_work(self, process: EngineProcess, post: Post) -> None:
        if self._go is None:
            raise RuntimeError("no child may go before its crew is kept")
        self._at_work[process] = post
        process.has_gone = True
        process.say(self._go(process))
        self._note_places()

    def _note_places(self) -> None:
        if len(self._at_work) == len(self._posts):
            self.full.set()
        else:
            self.full.clear()

    async def _note_end(self, process: EngineProcess) -> None:
        if process.bye is not None:
            self._returned += process.bye.returned
        elif not self._is_stopping:
            if not process.is_dismissed:
                self._note_death(process, process.how_it_ended)
            await self._bury(process)

    async def _see_out(self, process: EngineProcess, see_off: Callable[[EngineProcess], Awaitable[None]]) -> None:
        await see_off(process)
        del self._leaving[process]

    async def _see_off(self, process: EngineProcess, *, grace_seconds: float | None) -> None:
        process.say(Drain())
        grace = asyncio.Event().wait() if grace_seconds is None else self._sleep(grace_seconds)
        await race(process.ended(), grace, self._leaving[process].wait())
        if not process.has_ended:
            process.say(Stop(grace_seconds=LEAVE_GRACE_SECONDS))
            await race(process.ended(), self._sleep(LEAVE_SECONDS))
        if not process.has_ended:
            process.is_dismissed = True
            process.kill()
            await process.ended()

    async def _recruit_ready(self, post: Post) -> EngineProcess | None:
        """Start children until one says hello; None when the crew ends, or too many died first."""
        for failures in range(1, MOST_FAILED_STARTS + 1):
            if self._is_ending.is_set():
                return None
            process = self._recruited(post)
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

    def _recruited(self, post: Post) -> EngineProcess:
        process = self._recruit(post)
        self._processes = [*self._living(), process]
        return process

    def _keep(self, process: EngineProcess, successor: EngineProcess) -> None:
        why = "the application has another store now; end the worker and start it anew"
        if successor.has_ended:
            why = f"its successor {successor.how_it_ended} before it was ready"
        successor.kill()
        self._emit(EngineKept(worker_id=self._worker_id, engine=process.number, pid=process.pid, why=why))

    def _note_death(self, process: EngineProcess, how: str) -> None:
        self._emit(EngineDied(worker_id=self._worker_id, engine=process.number, pid=process.pid, how=how))

    async def _pause(self, failures: int) -> None:
        await race(self._sleep(pause_after(failures)), self._is_ending.wait())
