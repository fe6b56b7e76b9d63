"""The crew with children that are no processes: the test decides what they say and when they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.running.fakes import Kept, Time
from workmill.running.crew import Crew, Post
from workmill.running.keeper import Term
from workmill.running.protocol import REFUSED, Bye, Drain, Go, Hello, Message, Prolong, Stop
from workmill.words.events import EngineDied, EngineKept, EngineRelieved

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


async def test_all_places_are_filled_and_each_child_goes_when_it_is_ready() -> None:
    scene = Scene(size=3)
    async with scene.at_work():
        await scene.until(lambda: len(scene.children) == 3)
        assert scene.crew.is_working
        assert not scene.children[1].has_gone

        scene.children[2].greet()
        await scene.until(lambda: scene.children[2].has_gone)

        assert scene.children[2].told == [scene.go(scene.children[2])]
        assert not scene.children[1].has_gone
        assert not scene.crew.full.is_set()
        scene.children[1].greet()
        async with asyncio.timeout(5):
            await scene.crew.full.wait()


async def test_process_tasks_get_an_engine_of_their_own_beside_the_others() -> None:
    scene = Scene(size=2)
    async with scene.at_work(Hello(url=HELLO.url, tasks=("add",), process_tasks=("add",))):
        await scene.until(lambda: len(scene.children) == 3)

        assert [child.post for child in scene.children] == [Post.ENGINE, Post.ENGINE, Post.SOLO_ENGINE]
        scene.children[2].greet()
        await scene.until(lambda: scene.children[2].has_gone)

        scene.children[2].end(-9)
        await scene.until(lambda: len(scene.children) == 4)

        assert scene.buried == [3]
        assert scene.children[3].post is Post.SOLO_ENGINE


async def test_a_child_that_dies_at_work_is_buried_and_replaced_after_a_pause() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        scene.children[0].end(-11)
        await scene.until(lambda: len(scene.children) == 2)

        assert scene.buried == [1]
        assert [(event.engine, event.how) for event in scene.events.of(EngineDied)] == [(1, "code -11")]
        assert 0 < scene.time.slept[-1] < 0.2


async def test_pauses_grow_while_children_die_young_and_shrink_when_one_has_lived() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        for number in range(8):
            scene.children[number].end(1)
            await scene.until(lambda: len(scene.children) == number + 2)  # noqa: B023 - awaited within the round
            scene.children[-1].greet()
            await scene.until(lambda: scene.children[-1].has_gone)
        assert 3 <= scene.time.slept[-1] <= 5

        scene.time.pass_by(60)
        scene.children[-1].end(1)
        await scene.until(lambda: len(scene.children) == 10)

        assert scene.time.slept[-1] < 0.2


async def test_a_child_that_said_bye_has_nothing_to_bury() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        scene.crew.drain()
        scene.children[0].end(0, bye=Bye(returned=2))
        await scene.crew.gone()

    assert scene.buried == []
    assert scene.crew.returned == 2


async def test_a_child_that_dies_while_it_drains_is_buried() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        scene.crew.drain()
        scene.children[0].end(-9)
        await scene.until(lambda: scene.buried == [1])

    assert len(scene.children) == 1, "nobody takes its place"


async def test_a_child_that_is_killed_for_being_late_is_not_buried() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        scene.crew.stop(1.5)
        assert scene.children[0].told[1:] == [Drain(), Stop(grace_seconds=1.5)]
        scene.crew.kill()
        await scene.crew.gone()

    assert scene.buried == []
    assert scene.events == []


async def test_orders_reach_those_at_work_and_those_that_are_not_ready_are_killed() -> None:
    scene = Scene(size=2)
    async with scene.at_work():
        await scene.until(lambda: len(scene.children) == 2)

        scene.crew.tell(Prolong(term=Term(stop_at=3, over_at=4)))
        scene.crew.drain()

        assert scene.children[0].told[1:] == [Prolong(term=Term(stop_at=3, over_at=4)), Drain()]
        assert scene.children[1].told == []
        assert scene.children[1].exit_code == -9
        assert not scene.crew.is_working


async def test_a_refusal_is_final_until_the_target_was_loaded_once() -> None:
    scene = Scene()
    first = asyncio.create_task(scene.crew.first_hello())
    await scene.until(lambda: len(scene.children) == 1)

    scene.children[0].end(REFUSED)

    assert await first is None
    assert scene.crew.unfit.is_set()
    assert scene.events == [], "the child has said why"


@pytest.mark.parametrize(("is_proven", "code"), [(False, 1), (False, -11), (True, REFUSED)])
async def test_other_deaths_before_the_hello_are_final_only_when_they_repeat(is_proven: bool, code: int) -> None:  # noqa: FBT001 - a parameter of the test
    scene = Scene(is_proven=is_proven)
    first = asyncio.create_task(scene.crew.first_hello())

    for count in (1, 2, 3):
        await scene.until(lambda: len(scene.children) == count)  # noqa: B023 - awaited within the round
        assert not scene.crew.unfit.is_set()
        scene.children[-1].end(code)

    assert await first is None
    assert scene.crew.unfit.is_set()
    assert {event.how for event in scene.events.of(EngineDied)} == {f"code {code} before it was ready"}
    assert scene.buried == []


async def test_a_target_that_breaks_while_the_worker_runs_makes_the_crew_unfit() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        scene.children[0].end(-9)
        for count in (2, 3, 4):
            await scene.until(lambda: len(scene.children) == count)  # noqa: B023 - awaited within the round
            scene.children[-1].end(REFUSED)

        async with asyncio.timeout(5):
            await scene.crew.unfit.wait()


async def relieved(scene: Scene, process: Child, grace_seconds: float | None) -> Child:
    """Have a successor take the place of a child, and return it."""
    relieving = asyncio.create_task(scene.crew.relieve(process, why="HUP", grace_seconds=grace_seconds))
    count = len(scene.children)
    await scene.until(lambda: len(scene.children) == count + 1)
    assert process.told[1:] == [], "it is told nothing before its successor is ready"
    scene.children[-1].greet()
    async with asyncio.timeout(5):
        assert await relieving is scene.children[-1]
    return scene.children[-1]


async def test_a_child_is_relieved_by_one_that_is_ready() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        old = scene.children[0]

        new = await relieved(scene, old, None)
        await scene.until(lambda: new.has_gone and len(old.told) == 2)
        assert list(scene.crew.at_work) == [new]
        assert old.told[1:] == [Drain()]
        old.end(0, bye=Bye(returned=1))
        await scene.until(lambda: scene.crew.returned == 1)

        assert scene.crew.is_working
        assert scene.buried == []
        (event,) = scene.events
        assert event == EngineRelieved(worker_id="w1", engine=1, pid=1001, successor_pid=1002, why="HUP")
        assert len(scene.children) == 2, "nobody takes the place of one that was relieved"


async def test_a_child_that_outlasts_its_grace_is_stopped_then_killed_and_no_death_is_noted() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        old = scene.children[0]

        await relieved(scene, old, 25.0)
        await scene.until(lambda: scene.buried == [1])

        assert [*map(type, old.told[1:])] == [Drain, Stop]
        assert (old.exit_code, old.is_dismissed) == (-9, True)
        assert scene.time.slept[-2:] == [25.0, 5.0]
        assert scene.events.of(EngineDied) == []


async def test_hurry_cuts_short_what_may_take_as_long_as_it_likes() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        old = scene.children[0]
        await relieved(scene, old, None)
        await scene.until(lambda: len(old.told) == 2)

        scene.crew.hurry(0)
        await scene.until(lambda: scene.buried == [1])

        assert [*map(type, old.told[1:])] == [Drain, Stop]


async def test_a_child_that_dies_while_it_leaves_is_buried_as_any_other() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        old = scene.children[0]
        await relieved(scene, old, None)

        old.end(-11)
        await scene.until(lambda: scene.buried == [1])

        assert not old.is_dismissed
        assert [event.how for event in scene.events.of(EngineDied)] == ["code -11"]
        assert len(scene.children) == 2


async def test_without_a_successor_a_child_keeps_its_place() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        old = scene.children[0]
        relieving = asyncio.create_task(scene.crew.relieve(old, why="HUP", grace_seconds=1))
        await scene.until(lambda: len(scene.children) == 2)

        scene.children[1].end(REFUSED)

        assert await relieving is None
        assert old.told[1:] == []
        assert list(scene.crew.at_work) == [old]
        assert not scene.crew.unfit.is_set()
        (event,) = scene.events
        assert event == EngineKept(worker_id="w1", engine=1, pid=1001, why="its successor code 3 before it was ready")
        old.end(-9)
        await scene.until(lambda: len(scene.children) == 3)  # Its place is filled as ever.


async def test_a_successor_with_another_store_is_refused() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        relieving = asyncio.create_task(scene.crew.relieve(scene.children[0], why="HUP", grace_seconds=1))
        await scene.until(lambda: len(scene.children) == 2)

        scene.children[1].greet(Hello(url="sqlite:///other.db", tasks=("add",)))

        assert await relieving is None
        assert scene.children[1].exit_code == -9
        assert "another store" in scene.events.of(EngineKept)[0].why
        assert list(scene.crew.at_work) == [scene.children[0]]


async def test_a_place_for_process_tasks_is_opened_once() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        scene.crew.open_place(Post.SOLO_ENGINE)
        scene.crew.open_place(Post.SOLO_ENGINE)
        await scene.until(lambda: len(scene.children) == 2)
        scene.children[1].greet()
        await scene.until(lambda: scene.children[1].has_gone)

        assert [child.post for child in scene.children] == [Post.ENGINE, Post.SOLO_ENGINE]


async def test_a_child_that_dies_while_its_successor_starts_is_replaced_once() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        relieving = asyncio.create_task(scene.crew.relieve(scene.children[0], why="HUP", grace_seconds=1))
        await scene.until(lambda: len(scene.children) == 2)

        scene.children[0].end(-9)
        await scene.until(lambda: len(scene.children) == 3)
        scene.children[1].greet()

        assert await relieving is None
        assert scene.children[1].exit_code == -9
        scene.children[2].greet()
        await scene.until(lambda: scene.children[2].has_gone)


async def test_an_end_of_the_crew_ends_a_successor_that_is_not_ready() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        relieving = asyncio.create_task(scene.crew.relieve(scene.children[0], why="HUP", grace_seconds=1))
        await scene.until(lambda: len(scene.children) == 2)

        scene.crew.drain()

        assert await relieving is None
        assert scene.children[1].exit_code == -9


async def test_who_is_not_at_work_any_more_is_not_relieved() -> None:
    scene = Scene(size=1)
    async with scene.at_work():
        scene.children[0].end(0, bye=Bye(returned=0))
        await scene.until(lambda: not scene.crew.at_work)

        assert await scene.crew.relieve(scene.children[0], why="HUP", grace_seconds=1) is None
        count = len(scene.children)
        scene.crew.drain()
        assert await scene.crew.relieve(scene.children[-1], why="HUP", grace_seconds=1) is None

        assert len(scene.children) == count
