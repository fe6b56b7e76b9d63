"""How one child takes the place of another, and how the other leaves it."""

import asyncio
from typing import Any

from tests.running.crews import Child, Scene
from workmill.running.crew import Post
from workmill.running.protocol import REFUSED, Bye, Drain, Hello, Stop
from workmill.words.events import EngineDied, EngineKept, EngineRelieved


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


async def test_another_may_see_to_it_that_a_child_ends_and_it_is_there_until_then() -> None:
    scene = Scene(size=1)
    seen: list[Child] = []

    async def see_off(process: Any) -> None:
        seen.append(process)
        await process.ended()

    async with scene.at_work():
        old = scene.children[0]
        relieving = asyncio.create_task(scene.crew.relieve(old, why="late", grace_seconds=None, see_off=see_off))
        await scene.until(lambda: len(scene.children) == 2)
        scene.children[1].greet()
        assert await relieving is not None
        await scene.until(lambda: seen == [old])

        assert old.told[1:] == [], "what it is told is the other's business"
        assert list(scene.crew.present) == [scene.children[1], old]
        old.end(-9)
        await scene.until(lambda: list(scene.crew.present) == [scene.children[1]])


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
