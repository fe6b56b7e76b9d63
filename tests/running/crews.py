"""A crew with children that are no processes: the test decides what they say and when they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.running.fakes import Kept, Time
from workmill.running.crew import Crew, Post
from workmill.running.keeper import Term
from workmill.running.protocol import Bye, Go, Hello, Message

HELLO = Hello(url="sqlite:///jobs.db", tasks=("add",))


class Child:
    """What a crew needs of an engine process."""

    def __init__(self, number: int, post: Post) -> None:
        self.number = number
        self.post = post
        self.pid = 1000 + number
        self.bye: Bye | None = None
        self.has_gone = False
        self.is_dismissed = False
        self.exit_code: int | None = None
        self.told: list[Message] = []
        self.greeted: asyncio.Future[Hello | None] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()

    @property
    def has_ended(self) -> bool:
        return self.exit_code is not None

    @property
    def how_it_ended(self) -> str:
        return f"code {self.exit_code}"

    async def hello(self) -> Hello | None:
        return await asyncio.shield(self.greeted)

    async def ended(self) -> None:
        await self._ended.wait()

    def say(self, message: Message) -> None:
        self.told.append(message)

    def kill(self) -> None:
        self.end(-9)

    def greet(self, hello: Hello = HELLO) -> None:
        self.greeted.set_result(hello)

    def end(self, code: int, *, bye: Bye | None = None) -> None:
        if self.exit_code is None:
            self.exit_code, self.bye = code, bye
            self._ended.set()
            if not self.greeted.done():
                self.greeted.set_result(None)


class Scene:
    def __init__(self, *, size: int = 2, is_proven: bool = False) -> None:
        self.time = Time()
        self.events = Kept()
        self.children: list[Child] = []
        self.buried: list[int] = []
        self.crew = Crew(
            size=size,
            recruit=self.recruit,
            bury=self.bury,
            is_proven=is_proven,
            worker_id="w1",
            emit=self.events.append,
            clock=self.time,
            sleep=self.time.sleep,
        )

    def recruit(self, post: Post) -> Any:
        self.children.append(Child(len(self.children) + 1, post))
        return self.children[-1]

    async def bury(self, process: Any) -> None:
        self.buried.append(process.number)

    def go(self, process: Any) -> Go:
        term = Term(stop_at=1, over_at=2)
        return Go(worker_id="w1", engine=process.number, queues=None, concurrency=1, term=term)

    @asynccontextmanager
    async def at_work(self, hello: Hello = HELLO) -> AsyncIterator[None]:
        """Bring the crew to where the first child works."""
        first = asyncio.create_task(self.crew.first_hello())
        await self.until(lambda: len(self.children) == 1)
        self.children[0].greet(hello)
        assert await first == hello
        keeping = asyncio.create_task(self.crew.keep(self.go))
        await self.until(lambda: self.children[0].has_gone)
        try:
            yield
        finally:
            self.crew.kill()
            async with asyncio.timeout(5):
                await self.crew.gone()
                await keeping

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not is_so():  # noqa: ASYNC110 - it is the loop itself that must turn
                await asyncio.sleep(0)
