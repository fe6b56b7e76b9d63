"""What an engine does for those who can end what it cannot: it says what runs, and lets the rest go back."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from tests.running.engines import LONGEST_SECONDS, Workshop, gate_opened
from workmill import JobState


@pytest.fixture
async def shop() -> AsyncIterator[Workshop]:
    shop = Workshop()
    with shop.app:
        yield shop


async def test_a_cancel_that_becomes_forced_is_noted_though_the_job_was_asked_before(shop: Workshop) -> None:
    begun, over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @shop.app.task
    def stubborn() -> None:
        loop.call_soon_threadsafe(begun.set)
        over.wait(LONGEST_SECONDS)

    job = await stubborn.aenqueue()
    async with shop.working() as engine:
        await gate_opened(begun)
        ((run, _),) = engine.runs()
        await job.acancel("enough")
        await shop.store.until_called("get")
        assert (run.is_forced, run.reason) == (False, "enough")

        await job.acancel(force=True)
        await shop.store.until_called("get", times=2)
        over.set()
        await shop.until_settled(1)

    assert run.is_forced
    assert (await job.arefresh()).state is JobState.SUCCEEDED, "it did not heed, and this engine cannot end it"


async def test_recalled_it_gives_back_what_heeds_and_keeps_what_does_not(shop: Workshop) -> None:
    begun, over = [asyncio.Event(), asyncio.Event()], threading.Event()
    loop = asyncio.get_running_loop()

    @shop.app.task
    async def heedful() -> None:
        begun[0].set()
        await asyncio.sleep(LONGEST_SECONDS)

    @shop.app.task
    def stubborn() -> None:
        loop.call_soon_threadsafe(begun[1].set)
        over.wait(LONGEST_SECONDS)

    heeding, staying = await heedful.aenqueue(), await stubborn.aenqueue()
    async with shop.working() as engine:
        for each in begun:
            await gate_opened(each)

        engine.recall()
        await shop.until_settled(1)

        assert (await heeding.arefresh()).state is JobState.QUEUED
        assert (await staying.arefresh()).state is JobState.RUNNING
        assert [run.job.id for run, _ in engine.runs()] == [staying.id]
        over.set()
