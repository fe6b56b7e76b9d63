import asyncio

import pytest

from workmill.running.race import ended, race
from workmill.running.reaper import how_it_ended


async def test_the_first_to_end_ends_the_others() -> None:
    loser = asyncio.create_task(asyncio.Event().wait())

    async with asyncio.timeout(5):
        await race(loser, asyncio.sleep(0))

    assert loser.cancelled()


async def test_an_error_of_the_winner_is_raised_and_the_others_are_ended() -> None:
    loser = asyncio.create_task(asyncio.Event().wait())

    async def fail() -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await race(fail(), loser)

    assert loser.cancelled()


async def test_a_race_that_is_cancelled_ends_all_in_it() -> None:
    runner = asyncio.create_task(asyncio.Event().wait())
    racing = asyncio.create_task(race(runner))
    await asyncio.sleep(0)

    racing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await racing
    assert runner.cancelled()


async def test_waiting_for_the_end_of_a_task_neither_cancels_it_nor_takes_its_error() -> None:
    runner = asyncio.create_task(asyncio.Event().wait())

    await race(ended(runner), asyncio.sleep(0))

    assert not runner.done()
    runner.cancel()
    await ended(runner)
    assert runner.cancelled()


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended by itself with exit code 0"), (-9, "killed by SIGKILL"), (-35, "killed by signal 35")],
)
def test_the_end_of_a_process_is_said_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words
