"""How the room learns of what callers' transactions have committed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.stores.sqlite.caller import SqliteCaller
from tests.stores.sqlite.conftest import DEADLINE_SECONDS, NewStore
from tests.stores.sqlite.test_wake import heard
from workmill.store import Notice, NoticeKind
from workmill.stores.sqlite import SqliteStore, watching
from workmill.stores.sqlite.driver import DriverName
from workmill.stores.sqlite.transaction import Transaction
from workmill.stores.sqlite.wake import Ear
from workmill.stores.sqlite.watching import Expected, Watch
from workmill.testing.conformance.making import new_job
from workmill.words.errors import StoreUnavailable

QUEUED = frozenset({NoticeKind.QUEUED})


def expected(name: str) -> Expected:
    return Expected(job_id=name, version=1, notices=(Notice(kind=NoticeKind.QUEUED, queue=name),))


class Looks:
    """Answers, one after another, to who looks; nothing is seen after the last."""

    def __init__(self, *answers: list[int] | Exception) -> None:
        self._answers = list(answers)
        self.count = 0
        self._looked = asyncio.Semaphore(0)

    def __call__(self, _: Callable[[Transaction], list[int]]) -> asyncio.Future[list[int]]:
        self.count += 1
        self._looked.release()
        answer = self._answers.pop(0) if self._answers else []
        future: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

    async def next(self, count: int) -> None:
        """Wait for so many looks."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            for _ in range(count):
                await self._looked.acquire()


@pytest.fixture
async def ear(tmp_path: Path) -> AsyncIterator[Ear]:
    ear = Ear(tmp_path / "wake", QUEUED)
    ear.open()
    yield ear
    ear.close()


@pytest.fixture
async def caller(path: Path, store: SqliteStore, driver: DriverName) -> AsyncIterator[SqliteCaller]:  # noqa: ARG001 - the store makes the file
    caller = SqliteCaller(driver, path)
    await caller.open()
    yield caller
    await caller.close()


async def queues(ear: Ear) -> list[str]:
    return [notice.queue for notice in await heard(ear, until=NoticeKind.QUEUED)]


async def test_only_what_is_seen_is_told_and_once(ear: Ear, tmp_path: Path) -> None:
    looks = Looks([1], [0])
    watch = Watch(looks, tmp_path / "wake")

    watch.expect(expected("late"))
    watch.expect(expected("early"))

    assert await queues(ear) == ["early"]
    assert await queues(ear) == ["late"]
    await watch.close()
    assert (looks.count, await ear.next(0)) == (2, [])


async def test_look_that_fails_is_made_again(ear: Ear, tmp_path: Path) -> None:
    watch = Watch(Looks(StoreUnavailable("busy"), [0]), tmp_path / "wake")

    watch.expect(expected("a"))

    assert await queues(ear) == ["a"]
    await watch.close()


async def test_another_that_comes_while_it_rests_is_looked_for_soon(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_PAUSE_SECONDS", DEADLINE_SECONDS)
    looks = Looks(*[[]] * 6, [1])
    watch = Watch(looks, tmp_path / "wake")
    watch.expect(expected("rolled back"))
    await looks.next(6)  # by now the pauses are long

    watch.expect(expected("b"))

    assert await queues(ear) == ["b"]
    await watch.close()


async def test_what_is_never_seen_is_forgotten(ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "EXPECTED_SECONDS", 0.0)
    looks = Looks([], [0])
    watch = Watch(looks, tmp_path / "wake")

    watch.expect(expected("rolled back"))
    await looks.next(1)
    watch.expect(expected("a"))

    # The first of the second look: what was looked for before is no longer among them.
    assert await queues(ear) == ["a"]
    await watch.close()


async def test_end_looks_for_the_last_time(ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FIRST_PAUSE_SECONDS", DEADLINE_SECONDS)
    watch = Watch(Looks([0]), tmp_path / "wake")
    watch.expect(expected("a"))

    async with asyncio.timeout(DEADLINE_SECONDS / 2):
        await asyncio.sleep(0)
        await watch.close()

    assert await queues(ear) == ["a"]


async def test_what_comes_after_the_end_is_not_looked_for(tmp_path: Path) -> None:
    looks = Looks()
    watch = Watch(looks, tmp_path / "wake")
    await watch.close()

    watch.expect(expected("a"))
    await asyncio.sleep(0)

    assert looks.count == 0


def test_loop_that_is_closed_has_nobody_who_is_told(tmp_path: Path) -> None:
    async def watch() -> Watch:
        return Watch(Looks(), tmp_path / "wake")

    asyncio.run(watch()).expect(expected("a"))


async def test_store_that_closes_right_after_the_commit_tells_all_the_same(
    path: Path, store: SqliteStore, new_store: NewStore, caller: SqliteCaller
) -> None:
    brief = new_store(path)
    await brief.open()
    async with store.listen(QUEUED) as ear:
        await caller.hold(await brief.enqueue_within([new_job(queue="images")]))
        await caller.commit()
        await brief.close()

        assert Notice(kind=NoticeKind.QUEUED, queue="images") in await heard(ear, until=NoticeKind.QUEUED)
