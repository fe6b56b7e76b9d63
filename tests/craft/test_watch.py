"""One ear at the store for all who wait: open while somebody does, heard by each, and mended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from workmill import StoreUnavailable
from workmill.craft.watch import Watch
from workmill.store import Listener, Notice, NoticeKind

LONGEST_SECONDS = 10.0


class Ears:
    """A store that can only be listened to, and counts who does."""

    def __init__(self) -> None:
        self.opened = 0
        self.open: list[asyncio.Queue[Notice | Exception]] = []
        self.failures: list[Exception] = []
        self.changed = asyncio.Event()

    @asynccontextmanager
    async def listen(self, kinds: frozenset[NoticeKind]) -> AsyncIterator[Listener]:
        assert kinds == {NoticeKind.CHANGED}
        if self.failures:
            raise self.failures.pop()
        ear = _Ear()
        self.opened += 1
        self.open.append(ear.heard)
        self.changed.set()
        try:
            yield ear
        finally:
            self.open.remove(ear.heard)
            self.changed.set()

    def say(self, *job_ids: str) -> None:
        for ear in self.open:
            ear.put_nowait(Notice(kind=NoticeKind.CHANGED, job_ids=job_ids))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


class _Ear:
    def __init__(self) -> None:
        self.heard: asyncio.Queue[Notice | Exception] = asyncio.Queue()

    async def next(self, timeout: float) -> list[Notice]:
        async with asyncio.timeout(timeout):
            notice = await self.heard.get()
        if isinstance(notice, Exception):
            raise notice
        return [notice]


@pytest.fixture
def ears() -> Any:
    return Ears()


@pytest.fixture
async def watch(ears: Any) -> AsyncIterator[Watch]:
    watch = Watch(ears)
    yield watch
    await watch.close()


async def test_the_ear_opens_with_the_first_and_closes_behind_the_last(
    ears: Ears, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.craft.watch.LINGER_SECONDS", 0.0)
    assert ears.opened == 0
    async with watch.subscribe("a"):
        async with watch.subscribe("a"), watch.subscribe(None):
            assert (ears.opened, len(ears.open)) == (1, 1)
        assert len(ears.open) == 1

    await ears.until(lambda: not ears.open)

    async with watch.subscribe("b"):
        assert (ears.opened, len(ears.open)) == (2, 1)


async def test_the_ear_stays_open_for_who_comes_soon(ears: Ears, watch: Watch) -> None:
    async with watch.subscribe("a"):
        pass
    async with watch.subscribe("b") as subscription:
        ears.say("b")

        assert await subscription.next(LONGEST_SECONDS)
    assert ears.opened == 1


async def test_who_comes_while_the_ear_closes_has_an_open_one(
    ears: Ears, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.craft.watch.LINGER_SECONDS", 0.0)
    async with watch.subscribe("a"):
        pass
    async with watch.subscribe("b") as subscription:
        await ears.until(lambda: len(ears.open) == 1)
        ears.say("b")

        assert await subscription.next(LONGEST_SECONDS)


async def test_each_hears_of_its_own_job_and_some_of_all(ears: Ears, watch: Watch) -> None:
    async with watch.subscribe("a") as first, watch.subscribe("b") as second, watch.subscribe(None) as every:
        ears.say("a", "c")

        assert await first.next(LONGEST_SECONDS)
        assert await every.next(LONGEST_SECONDS)
        assert not await second.next(0)
        assert not await first.next(0)


async def test_a_notice_of_any_job_is_heard_by_each(ears: Ears, watch: Watch) -> None:
    async with watch.subscribe("a") as first, watch.subscribe(None) as every:
        ears.say()

        assert await first.next(LONGEST_SECONDS)
        assert await every.next(LONGEST_SECONDS)


async def test_changes_between_two_waits_are_not_missed(ears: Ears, watch: Watch) -> None:
    async with watch.subscribe("a") as subscription, watch.subscribe(None) as every:
        ears.say("a")
        await every.next(LONGEST_SECONDS)

        assert await subscription.next(0)


async def test_an_ear_that_fails_is_told_and_opened_anew(
    ears: Ears, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.craft.watch.AGAIN_SECONDS", 0.001)
    async with watch.subscribe("a") as subscription:
        ears.open[0].put_nowait(StoreUnavailable("gone"))

        assert await subscription.next(LONGEST_SECONDS)
        await ears.until(lambda: ears.opened == 2)
        ears.say("a")
        assert await subscription.next(LONGEST_SECONDS)


async def test_without_an_ear_one_waits_for_a_while_and_polls(
    ears: Ears, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.craft.watch.AGAIN_SECONDS", 0.001)
    ears.failures = [StoreUnavailable("gone")] * 3

    async with watch.subscribe("a") as subscription:
        assert await subscription.next(LONGEST_SECONDS)  # told that it may have missed something


async def test_closing_closes_the_ear(ears: Ears, watch: Watch) -> None:
    async with watch.subscribe("a"):
        await watch.close()

        assert ears.open == []
    await watch.close()
