"""Files that are held, half made or without a table; openings and closings that are cut short."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.stores.sqlite.conftest import DEADLINE_SECONDS, NewRaw, NewStore, Raw
from tests.stores.sqlite.test_group_commit import begun
from workmill.stores.sqlite import SqliteStore, connecting, patience, reader
from workmill.stores.sqlite.driver import Connection, Driver
from workmill.testing.conformance.making import add, hired, new_job, new_jobs, request
from workmill.words.errors import StoreError, StoreUnavailable
from workmill.words.job import JobState

Threads: TypeAlias = frozenset[threading.Thread]


@pytest.fixture
def earlier() -> Threads:
    """Give the threads there were before the test: an application that lives on may have a store open."""
    return frozenset(threading.enumerate())


async def until_no_threads(earlier: Threads) -> None:
    """Wait until the threads of all stores that the test opened have ended."""
    for thread in frozenset(threading.enumerate()) - earlier:
        if thread.name.startswith("workmill-"):
            await asyncio.to_thread(thread.join, DEADLINE_SECONDS)
            assert not thread.is_alive()


@contextmanager
def held(raw: Raw) -> Iterator[Raw]:
    """Let another program hold a file that is not in WAL mode yet."""
    with closing(raw):
        raw.execute("BEGIN EXCLUSIVE")
        yield raw


async def test_opening_waits_for_who_holds_the_new_file(path: Path, new_store: NewStore, new_raw: NewRaw) -> None:
    store = new_store(path)
    with held(new_raw(path)) as other:
        opening = asyncio.ensure_future(store.open())
        await asyncio.wait([opening], timeout=0.02)
        assert not opening.done()

        other.execute("ROLLBACK")

        await opening
    assert await add(store, new_job())
    await store.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections that are opened from now on wait for no lock."""
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
async def test_opening_says_when_it_has_waited_too_long(
    path: Path, new_store: NewStore, new_raw: NewRaw, earlier: Threads
) -> None:
    store = new_store(path)

    with (
        held(new_raw(path)),
        pytest.raises(StoreUnavailable, match=r"a transaction is open on it.*open the store before"),
    ):
        await store.open()

    await until_no_threads(earlier)


@pytest.mark.usefixtures("impatient")
async def test_writing_says_when_it_has_waited_too_long(store: SqliteStore, raw: Raw) -> None:
    raw.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="a transaction has held the file for too long"):
        await add(store, new_job())

    raw.execute("ROLLBACK")
    assert await add(store, new_job())


async def test_migration_that_fails_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, new_store: NewStore
) -> None:
    scripts = ("CREATE TABLE job (x)", "CREATE NONSENSE")
    with monkeypatch.context() as patch:
        patch.setattr(connecting, "migrations", lambda: scripts)
        with pytest.raises(StoreError, match="a statement failed"):
            await new_store(path).open()
    store = new_store(path)

    await store.open()

    assert await add(store, new_job())
    await store.close()


async def test_opening_that_gets_no_reader_leaves_no_threads(
    path: Path, monkeypatch: pytest.MonkeyPatch, new_store: NewStore, earlier: Threads
) -> None:
    def refuse(path: Path, driver: Driver) -> Connection:
        return driver.connect(path.with_name("absent"), may_write=False)

    monkeypatch.setattr(reader, "open_reader", refuse)

    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await new_store(path).open()

    await until_no_threads(earlier)


async def test_opening_that_is_cancelled_leaves_no_threads(
    path: Path, new_store: NewStore, new_raw: NewRaw, earlier: Threads
) -> None:
    with held(new_raw(path)) as other:
        opening = asyncio.ensure_future(new_store(path).open())
        await asyncio.wait([opening], timeout=0.02)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        other.execute("ROLLBACK")

    await until_no_threads(earlier)


async def test_closing_finishes_all_that_was_asked_for(
    path: Path, store: SqliteStore, raw: Raw, new_store: NewStore
) -> None:
    closing_store = new_store(path)
    await closing_store.open()
    raw.execute("BEGIN IMMEDIATE")
    asked = [asyncio.ensure_future(closing_store.enqueue(new_jobs(2))) for _ in range(3)]
    await asyncio.wait(asked, timeout=0.05)  # those are under way, in a transaction that waits
    asked += [asyncio.ensure_future(closing_store.enqueue(new_jobs(2))) for _ in range(2)]
    ending = asyncio.ensure_future(closing_store.close())
    await asyncio.wait([ending], timeout=0.05)

    raw.execute("COMMIT")
    await ending

    assert len(await asyncio.gather(*asked)) == 5
    assert sum(count.jobs for count in await store.counts()) == 10


async def test_failure_of_the_file_fails_all_of_a_transaction(store: SqliteStore, raw: Raw) -> None:
    """Here a table is gone; after it is back, the writer goes on."""
    worker_id = await hired(store)
    raw.execute("ALTER TABLE worker RENAME TO gone")
    raw.execute("BEGIN IMMEDIATE")
    calls = [asyncio.ensure_future(call) for call in (store.enqueue([new_job()]), store.renew(worker_id))]
    later = [asyncio.ensure_future(call) for call in (store.enqueue([new_job()]), store.renew(worker_id))]
    await begun()
    raw.execute("COMMIT")

    outcomes = await asyncio.gather(*calls, *later, return_exceptions=True)

    assert {type(each) for each in outcomes[1:]} == {StoreError}
    raw.execute("ALTER TABLE gone RENAME TO worker")
    assert (await store.renew(worker_id)).is_live
    stored = sum(count.jobs for count in await store.counts())
    assert stored == (0 if isinstance(outcomes[0], StoreError) else 1)


async def test_row_with_an_impossible_time_fails_too(store: SqliteStore, raw: Raw) -> None:
    bad, good = await add(store, new_job()), await add(store, new_job())
    raw.execute("UPDATE job SET created_at = 4611686018427387904 WHERE id = ?", (bad.id,))

    claimed = await store.claim(request(await hired(store), limit=2))

    assert [job.id for job in claimed] == [good.id]
    assert await store.get([bad.id]) == [None]
    assert {count.state: count.jobs for count in await store.counts()} == {JobState.FAILED: 1, JobState.RUNNING: 1}


async def test_worker_that_cannot_be_read_is_left_out(store: SqliteStore, raw: Raw) -> None:
    bad, good = await hired(store), await hired(store)
    raw.execute("UPDATE worker SET tasks = '[' WHERE id = ?", (bad,))

    assert [worker.id for worker in await store.workers()] == [good]
    assert (await store.renew(bad)).is_live


async def test_lease_beyond_the_calendar_ends_with_it(store: SqliteStore) -> None:
    worker_id = await hired(store, lease=timedelta.max)

    assert (await store.renew(worker_id)).is_live

    (worker,) = await store.workers()
    assert worker.lease_ends_at.year == 9999
