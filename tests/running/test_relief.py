"""When the engines are relieved, and what is told of it: a crew that only keeps count."""

import asyncio
from typing import Any

from tests.running.fakes import Kept
from workmill.running.crew import Post
from workmill.running.orders import Orders
from workmill.running.protocol import Hello
from workmill.running.relief import Relief
from workmill.words.events import DutyFailed


class Successor:
    def __init__(self, hello: Hello) -> None:
        self._hello = hello

    async def hello(self) -> Hello:
        return self._hello


class Crew:
    def __init__(self, *engines: str, hellos: dict[str, Hello | None]) -> None:
        self.at_work = engines
        self.hellos = hellos
        self.full = asyncio.Event()
        self.full.set()
        self.done: list[object] = []
        self.events = Kept()

    async def relieve(self, process: Any, *, why: str, grace_seconds: float | None) -> Any:
        self.done.append((process, why, grace_seconds))
        found = self.hellos[process]
        return None if found is None else Successor(found)

    def hurry(self, grace_seconds: float) -> None:
        self.done.append(("hurry", grace_seconds))

    def open_place(self, post: Post) -> None:
        self.done.append(post)


def hello(*process_tasks: str) -> Hello:
    return Hello(url="sqlite:///jobs.db", tasks=("add",), process_tasks=process_tasks)


async def obeyed(crew: Any, *, times: int = 1) -> list[Hello]:
    """Give the order, and return the hellos that were told of."""
    orders, told, events = Orders(), [], crew.events

    async def relieved(said: Hello) -> None:
        told.append(said)

    relief = Relief(crew, orders, grace_seconds=5, relieved=relieved, emit=events.append)
    obeying = asyncio.create_task(relief.obey_for_ever())
    for _ in range(times):
        orders.restart("HUP")
        async with asyncio.timeout(5):
            while orders.restarting.is_set():  # noqa: ASYNC110 - it is the loop itself that must turn
                await asyncio.sleep(0)
            await asyncio.sleep(0)
    obeying.cancel()
    await asyncio.gather(obeying, return_exceptions=True)
    return told


async def test_all_engines_are_relieved_one_after_another() -> None:
    crew = Crew("a", "b", hellos={"a": hello(), "b": hello()})

    assert await obeyed(crew) == [hello()]

    assert crew.done == [("hurry", 5), ("a", "HUP", 5), ("b", "HUP", 5)]


async def test_those_that_are_only_starting_are_waited_for() -> None:
    crew = Crew(hellos={"late": hello()})
    crew.full.clear()
    orders, told = Orders(), asyncio.Event()

    async def relieved(_said: Hello) -> None:
        told.set()

    relief: Any = Relief(crew, orders, grace_seconds=5, relieved=relieved, emit=crew.events.append)
    obeying = asyncio.create_task(relief.obey_for_ever())
    orders.restart("HUP")
    await asyncio.sleep(0)
    crew.at_work = ("late",)
    crew.full.set()

    async with asyncio.timeout(5):
        await told.wait()
    assert crew.done[-1] == ("late", "HUP", 5)
    obeying.cancel()


async def test_every_order_is_obeyed() -> None:
    crew = Crew("a", hellos={"a": hello()})

    assert await obeyed(crew, times=2) == [hello(), hello()]


async def test_the_first_that_cannot_be_relieved_is_the_last_that_is_tried() -> None:
    crew = Crew("a", "b", hellos={"a": None, "b": hello()})

    assert await obeyed(crew) == []

    assert crew.done == [("hurry", 5), ("a", "HUP", 5)]


async def test_one_that_is_gone_meanwhile_is_passed_over() -> None:
    crew = Crew("a", "b", hellos={"a": None, "b": hello()})
    relieve = crew.relieve

    async def leaving(process: Any, **said: Any) -> Any:
        crew.at_work = ("b",)
        return await relieve(process, **said)

    crew.relieve = leaving

    assert await obeyed(crew) == [hello()]


async def test_an_error_is_said_and_the_next_order_is_obeyed() -> None:
    crew = Crew("a", hellos={})

    assert await obeyed(crew, times=2) == []

    assert [event.error for event in crew.events.of(DutyFailed)] == ["KeyError('a')"] * 2


async def test_new_code_with_the_first_process_task_gets_an_engine_for_it() -> None:
    crew = Crew("a", hellos={"a": hello("add")})

    await obeyed(crew)

    assert crew.done[-1] is Post.SOLO_ENGINE
