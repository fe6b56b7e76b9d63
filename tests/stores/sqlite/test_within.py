"""Callers' transactions on the file: which connections are taken, what is refused, and who waits for whom."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stores.sqlite.caller import SqliteCaller
from tests.stores.sqlite.conftest import DEADLINE_SECONDS, NewStore, Raw
from workmill.stores.sqlite import SqliteStore
from workmill.stores.sqlite.driver import DriverName
from workmill.stores.sqlite.drivers import driver_named
from workmill.stores.sqlite.transaction import MOST_ROWS
from workmill.testing.conformance.making import add, end, new_job, new_jobs, running, stored
from workmill.words.errors import InvalidOption, JobConflict, StoreError
from workmill.words.job import NewJob

NOWHERE = Path(":memory:")


@pytest.fixture
async def caller(path: Path, store: SqliteStore, driver: DriverName) -> AsyncIterator[SqliteCaller]:  # noqa: ARG001 - the store makes the file
    caller = SqliteCaller(driver, path)
    await caller.open()
    yield caller
    await caller.close()


def move(file: Path, name: str) -> None:
    file.rename(file.with_name(name))


async def enqueue(store: SqliteStore, caller: SqliteCaller, *jobs: NewJob) -> list[str]:
    return [each.job.id for each in await caller.hold(await store.enqueue_within(jobs))]


@pytest.mark.parametrize("name", [":memory:", "other.db"])
async def test_connection_to_another_database_is_refused_and_stays_as_it_was(
    store: SqliteStore, driver: DriverName, path: Path, name: str
) -> None:
    job = await running(store)
    stranger = SqliteCaller(driver, path.with_name(name) if name != ":memory:" else NOWHERE)
    await stranger.open()
    await stranger.write("mine")

    with pytest.raises(StoreError, match=f"(other.db|in memory).*the jobs are in .*{path.name}"):
        await enqueue(store, stranger, new_job())
    with pytest.raises(StoreError, match="give a connection to that"):
        await stranger.hold(store.settle_within(end(job)))

    await stranger.commit()
    assert await stranger.read() == ["mine"]
    await stranger.close()


async def test_connection_by_another_spelling_of_the_path_is_taken(
    store: SqliteStore, driver: DriverName, path: Path
) -> None:
    path.with_name("link").symlink_to(path.parent)
    caller = SqliteCaller(driver, path.with_name("link") / ".." / path.parent.name / path.name)
    await caller.open()

    (job_id,) = await enqueue(store, caller, new_job())
    await caller.commit()
    await caller.close()

    assert await stored(store, job_id)


async def test_file_that_is_gone_is_another_one(store: SqliteStore, caller: SqliteCaller, path: Path) -> None:
    move(path, "moved.db")

    with pytest.raises(StoreError, match="the connection is to"):
        await enqueue(store, caller, new_job())

    move(path.with_name("moved.db"), path.name)


async def test_more_jobs_than_one_statement_takes_are_one_batch(store: SqliteStore, caller: SqliteCaller) -> None:
    batch = [new_job(task=f"task {number % 150}") for number in range(2 * MOST_ROWS + 1)]

    ids = await enqueue(store, caller, *batch)
    await caller.commit()

    assert ids == [new.id for new in batch]
    assert sum(count.jobs for count in await store.counts()) == len(batch)


@pytest.mark.parametrize(
    ("bad", "option"),
    [
        (new_job(queue="\udc00"), "queue"),
        (new_job(key="\udc00"), "key"),
        (new_job(args=b"\xff"), "args"),
        (new_job(priority=2**63), "priority"),
    ],
)
async def test_value_that_cannot_be_stored_is_refused_before_anything_is_written(
    store: SqliteStore, caller: SqliteCaller, bad: NewJob, option: str
) -> None:
    with pytest.raises(InvalidOption) as refused:
        await enqueue(store, caller, new_job(), bad)
    await caller.write("mine")
    await caller.commit()

    assert refused.value.option == option
    assert await store.counts() == []
    assert await caller.read() == ["mine"]


async def test_key_of_an_unreadable_row_is_a_conflict(store: SqliteStore, caller: SqliteCaller, raw: Raw) -> None:
    bad = await add(store, new_job(key="a"))
    raw.execute("UPDATE job SET policy = '{'")

    with pytest.raises(JobConflict, match="cannot be read") as refused:
        await enqueue(store, caller, new_job(key="a"))

    assert refused.value.job_id == bad.id


async def test_transaction_that_read_too_early_is_told_how_to_begin(
    store: SqliteStore, path: Path, driver: DriverName
) -> None:
    connection: Any = driver_named(driver).connect(path, may_write=True)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM job").fetchone()
    await add(store, new_job())
    conversation = await store.enqueue_within([new_job()])
    next(conversation)
    lock = conversation.send(list(connection.execute("PRAGMA database_list")))

    with pytest.raises(driver_named(driver).error) as busy:
        connection.execute(lock.sql)
    with pytest.raises(driver_named(driver).error) as noted:
        conversation.throw(busy.value)

    assert noted.value is busy.value
    assert "BEGIN IMMEDIATE" in "".join(noted.value.__notes__)
    connection.close()


async def test_wrapped_error_is_known_by_its_cause_and_another_gets_no_note(store: SqliteStore, path: Path) -> None:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
    wrapped, other = RuntimeError("the wrapper"), RuntimeError("gone")
    wrapped.__cause__ = busy

    for error in (wrapped, other):
        conversation = await store.enqueue_within([new_job()])
        next(conversation)
        conversation.send([(0, "main", str(path))])
        with pytest.raises(RuntimeError):
            conversation.throw(error)

    assert "write lock" in wrapped.__notes__[0]
    assert not hasattr(other, "__notes__")


async def test_values_are_of_the_plainest_kinds_and_all_texts_may_come_as_bytes(
    store: SqliteStore, caller: SqliteCaller, path: Path, driver: DriverName
) -> None:
    await add(store, new_job(key="known"))
    connection: Any = driver_named(driver).connect(path, may_write=True)
    connection.execute("BEGIN IMMEDIATE")
    conversation = await store.enqueue_within([new_job(key="known"), new_job(), new_job(delay=timedelta(days=1))])
    kinds, statement = set(), next(conversation)

    def say() -> None:
        nonlocal statement
        while True:
            kinds.update(type(value) for value in statement.values)
            rows = list(connection.execute(statement.sql.replace("%s", "?"), statement.values))
            statement = conversation.send([as_bytes(row) for row in rows])

    with pytest.raises(StopIteration) as over:
        say()
    connection.execute("COMMIT")
    connection.close()

    assert kinds == {str, int, type(None)}
    assert [each.created for each in over.value.value] == [False, True, True]
    assert await caller.read() == []


def as_bytes(row: Sequence[Any]) -> list[Any]:
    """Give a row as a connection does whose text factory is `bytes`."""
    return [value.encode() if isinstance(value, str) else value for value in row]


async def test_store_opens_while_a_caller_holds_the_write_lock(
    store: SqliteStore, caller: SqliteCaller, path: Path, new_store: NewStore
) -> None:
    """Whoever holds the lock may wait for the opening: then neither would ever end."""
    await caller.write("mine")
    second = new_store(path)

    await asyncio.wait_for(second.open(), 1)  # far below what a wait for the lock takes

    conversation = await second.enqueue_within([new_job()])
    (enqueued,) = await caller.hold(conversation)
    await caller.commit()
    assert await stored(store, enqueued.job.id) == enqueued.job
    await second.close()


async def test_moment_is_not_older_than_the_lock(path: Path, new_store: NewStore, driver: DriverName) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    store = new_store(path, clock=lambda: now)
    await store.open()
    first, second = SqliteCaller(driver, path), SqliteCaller(driver, path)
    await first.open()
    await second.open()
    await first.write("mine")
    waiting = asyncio.ensure_future(enqueue(store, second, new_job()))
    await asyncio.wait([waiting], timeout=0.02)

    now += timedelta(hours=1)
    await first.commit()
    (job_id,) = await asyncio.wait_for(waiting, DEADLINE_SECONDS)
    await second.commit()

    assert (await stored(store, job_id)).created_at == now
    for caller in (first, second):
        await caller.close()
    await store.close()


async def test_store_that_is_not_open_joins_nothing(path: Path, new_store: NewStore) -> None:
    store = new_store(path)

    with pytest.raises(StoreError, match="not open"):
        await store.enqueue_within([new_job()])


async def test_large_batch_of_known_and_new_is_answered_in_order(store: SqliteStore, caller: SqliteCaller) -> None:
    known = new_jobs(MOST_ROWS)
    await store.enqueue(known)
    fresh = new_jobs(MOST_ROWS)
    mixed = [job for pair in zip(known, fresh, strict=True) for job in pair]

    enqueued = await caller.hold(await store.enqueue_within(mixed))
    await caller.commit()

    assert [each.created for each in enqueued] == [False, True] * MOST_ROWS
    assert sum(count.jobs for count in await store.counts()) == 2 * MOST_ROWS
