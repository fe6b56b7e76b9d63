"""Waiting for changes, from any event loop."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from workmill import App

LONGEST_SECONDS = 10.0


async def elsewhere(call: Callable[[], Awaitable[object]]) -> None:
    """Do it on another event loop, in another thread."""

    async def do() -> None:
        await call()

    await asyncio.to_thread(asyncio.run, do())


async def test_a_change_of_any_job_is_heard(app: App) -> None:
    task = app.task(name="go")(lambda: None)
    job = task.enqueue()

    async with app.changes() as changes:
        assert not await changes.next(0)
        job.cancel()
        assert await changes.next(LONGEST_SECONDS)


async def test_only_the_one_job_asked_for_is_heard(app: App) -> None:
    task = app.task(name="go")(lambda: None)
    mine, other = task.enqueue(), task.enqueue()

    async with app.changes(mine.id) as changes, app.changes() as every:
        other.cancel()
        assert await every.next(LONGEST_SECONDS)
        assert not await changes.next(0)
        mine.cancel()
        assert await changes.next(LONGEST_SECONDS)


async def test_each_step_of_a_job_is_a_change(app: App) -> None:
    job = app.task(name="go")(lambda: None).enqueue()

    async with app.changes(job.id) as changes:
        await app.adrain()

        assert await changes.next(LONGEST_SECONDS)
    assert job.refresh().record.version == 3


async def test_loops_of_several_threads_hear_it(app: App) -> None:
    job = app.task(name="go")(lambda: None).enqueue()
    listening = asyncio.Event()
    loop = asyncio.get_running_loop()
    heard: list[bool] = []

    async def listen() -> None:
        async with app.changes(job.id) as changes:
            loop.call_soon_threadsafe(listening.set)
            heard.append(await changes.next(LONGEST_SECONDS))

    other = asyncio.create_task(elsewhere(listen))
    await listening.wait()
    job.cancel()
    await other

    assert heard == [True]


async def test_a_wait_that_is_cancelled_leaves_nothing_behind(app: App) -> None:
    job = app.task(name="go")(lambda: None).enqueue()

    async with app.changes(job.id) as changes:
        waiting = asyncio.create_task(changes.next(LONGEST_SECONDS))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        job.cancel()
        assert await changes.next(LONGEST_SECONDS)


async def test_outside_its_context_it_says_how_it_is_used(app: App) -> None:
    with pytest.raises(RuntimeError, match=r"use `async with app.changes\(\) as changes`"):
        await app.changes().next(0)


async def test_after_leaving_nobody_listens(app: App) -> None:
    async with app.changes() as changes:
        pass

    with pytest.raises(RuntimeError, match="use `async with"):
        await changes.next(0)
