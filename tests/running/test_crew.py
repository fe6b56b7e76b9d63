"""How a crew keeps its places filled, and how it ends."""

import asyncio

import pytest

from tests.running.crews import HELLO, Scene
from workmill.running.crew import Post
from workmill.running.keeper import Term
from workmill.running.protocol import REFUSED, Bye, Drain, Hello, Prolong, Stop
from workmill.words.events import EngineDied


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
