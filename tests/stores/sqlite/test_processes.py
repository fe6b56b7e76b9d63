"""What several processes, forks and deaf ears mean for a store."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import NewStore, Raw
from workmill.stores.sqlite import SqliteStore
from workmill.stores.sqlite.driver import DriverName
from workmill.stores.sqlite.drivers import driver_named
from workmill.stores.sqlite.writer import Writer
from workmill.testing.conformance.making import add, end, hired, new_job, request, stored
from workmill.words.clock import system_clock
from workmill.words.errors import StoreError


def said_by_a_fork(work: Callable[[], str]) -> str:
    """Return what a forked child says."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, work().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answers:
        said = answers.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
async def test_fork_is_told_to_open_its_own(store: SqliteStore) -> None:
    job = await add(store, new_job())

    def use() -> str:
        try:
            store.get([job.id]).send(None)
        except StoreError as error:
            return str(error)
        return "used"

    said = said_by_a_fork(use)

    assert f"opened by process {os.getpid()}" in said
    assert "open a store of its own" in said


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
async def test_fork_that_closes_and_ends_leaves_its_parents_store_whole(store: SqliteStore, raw: Raw) -> None:
    job = await add(store, new_job())

    def close() -> str:
        try:
            store.close().send(None)
        except StopIteration:
            return "closed"
        return "waits"

    assert said_by_a_fork(close) == "closed"
    assert await stored(store, job.id) == job
    assert await add(store, new_job())
    assert raw.pragma("integrity_check") == "ok"


async def test_store_that_is_not_open_says_so(path: Path, new_store: NewStore) -> None:
    store = new_store(path)
    with pytest.raises(StoreError, match="not open"):
        await store.counts()
    await store.open()
    await store.close()

    with pytest.raises(StoreError, match="not open"):
        await store.enqueue([new_job()])


def test_store_that_is_not_open_can_be_pickled(path: Path, new_store: NewStore) -> None:
    assert isinstance(pickle.loads(pickle.dumps(new_store(path))), SqliteStore)


async def test_accepted_and_settled_wait_for_the_disk_and_the_rest_does_not(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable: list[bool] = []
    do = Writer.do

    def noting(self: Writer, verb: Callable[..., object], *, is_durable: bool) -> object:
        durable.append(is_durable)
        return do(self, verb, is_durable=is_durable)

    monkeypatch.setattr(Writer, "do", noting)
    worker_id = await hired(store)
    job = await add(store, new_job())
    await store.claim(request(worker_id))
    await store.renew(worker_id)
    await store.settle([end(job)])
    await store.report([])
    await store.cancel([job.id], None)

    assert durable == [False, True, False, False, True, False, True]


async def test_writer_waits_for_the_disk_exactly_when_it_is_asked_to(tmp_path: Path, driver: DriverName) -> None:
    writer = Writer(tmp_path / "jobs.db", driver_named(driver), system_clock, tmp_path / "wake")
    await writer.open()

    modes = [
        await writer.do(lambda transaction: transaction.value("PRAGMA synchronous"), is_durable=is_durable)
        for is_durable in (True, False, False, True)
    ]

    assert modes == [2, 1, 1, 2]
    await writer.close()
