"""Making the file, bringing its schema up to date, and refusing what is no file of ours."""

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import DEADLINE_SECONDS, NewRaw, NewStore, Raw, Start
from workmill.stores.sqlite import SqliteStore
from workmill.stores.sqlite.statements import migrations
from workmill.testing.conformance.making import add, new_job, stored
from workmill.words.errors import SchemaMismatch, StoreUnavailable

OPEN_AND_ADD = """
    import asyncio, sys
    from workmill.stores.sqlite import SqliteStore
    from workmill.testing.conformance.making import add, new_job

    async def main():
        sys.stdin.readline()
        store = SqliteStore(sys.argv[1])
        await store.open()
        print((await add(store, new_job())).id)
        await store.close()

    asyncio.run(main())
"""

TAKE_SHARED_LOCK = """
    import fcntl, sys
    with open(sys.argv[1], "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x4000_0002)
        except OSError:
            print("held")
        else:
            print("free")
"""
"""Every connection holds a shared lock on this range, which tells others that the database is in use."""


@pytest.fixture
def diary(path: Path) -> Path:
    path.write_text("dear diary " * 1000)
    return path


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def identity(file: Path) -> tuple[int, int]:
    return file.stat().st_size, file.stat().st_mtime_ns


async def test_only_the_owner_can_read_what_is_stored(tmp_path: Path, new_store: NewStore) -> None:
    mask = os.umask(0)
    try:
        store = new_store(tmp_path / "jobs.db")
        await store.open()
        await add(store, new_job())

        modes = modes_in(tmp_path)
    finally:
        os.umask(mask)
    await store.close()

    assert modes == {"jobs.db": 0o600, "jobs.db-wal": 0o600, "jobs.db-shm": 0o600, "jobs.db-wake": 0o700}


async def test_new_file_has_the_newest_schema_and_bears_our_mark(store: SqliteStore, raw: Raw) -> None:
    assert await store.counts() == []
    assert raw.pragma("user_version") == len(migrations())
    assert raw.pragma("application_id") != 0
    assert raw.pragma("journal_mode") == "wal"


async def test_opening_an_old_file_keeps_its_jobs(path: Path, new_store: NewStore) -> None:
    first, second = new_store(path), new_store(path)
    await first.open()
    job = await add(first, new_job())
    await first.close()

    await second.open()

    assert await stored(second, job.id) == job
    await second.close()


async def test_newer_schema_is_refused_and_left_as_it_is(path: Path, raw: Raw, new_store: NewStore) -> None:
    newer = len(migrations()) + 1
    raw.pragma("user_version", newer)

    with pytest.raises(SchemaMismatch, match=f"version {newer}.*upgrade this program"):
        await new_store(path).open()

    assert raw.pragma("user_version") == newer


async def test_database_of_another_program_is_refused(path: Path, new_store: NewStore, new_raw: NewRaw) -> None:
    with closing(new_raw(path)) as raw:
        raw.pragma("user_version", 1)

    with pytest.raises(StoreUnavailable, match="another program"):
        await new_store(path).open()


async def test_file_that_is_no_database_is_refused_and_left_as_it_is(diary: Path, new_store: NewStore) -> None:
    before = identity(diary)

    with pytest.raises(StoreUnavailable, match="no SQLite database"):
        await new_store(diary).open()

    assert identity(diary) == before


async def test_missing_folder_is_named_with_its_remedy(tmp_path: Path, new_store: NewStore) -> None:
    with pytest.raises(StoreUnavailable, match="its folder must exist"):
        await new_store(tmp_path / "absent" / "jobs.db").open()


async def test_failed_opening_can_be_tried_again(tmp_path: Path, new_store: NewStore) -> None:
    store = new_store(tmp_path / "later" / "jobs.db")
    with pytest.raises(StoreUnavailable):
        await store.open()
    (tmp_path / "later").mkdir()

    await store.open()

    assert (await add(store, new_job())).id
    await store.close()


async def test_opening_twice_is_once(store: SqliteStore) -> None:
    job = await add(store, new_job())

    await store.open()

    assert await stored(store, job.id) == job


@pytest.mark.slow
async def test_processes_can_race_to_create_it(path: Path, start: Start, new_store: NewStore) -> None:
    processes = [start(OPEN_AND_ADD, path) for _ in range(4)]

    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ids = [process.communicate(timeout=DEADLINE_SECONDS)[0].strip() for process in processes]

    store = new_store(path)
    await store.open()
    assert all([await stored(store, job_id) for job_id in ids])
    await store.close()


async def test_second_store_of_a_process_does_not_drop_the_locks_of_the_first(
    path: Path, store: SqliteStore, start: Start, new_store: NewStore
) -> None:
    """Closing a file drops every lock of the process on it: so nobody may open the database but SQLite."""
    await add(store, new_job())
    second = new_store(path)
    await second.open()
    await second.close()

    taking = start(TAKE_SHARED_LOCK, path)

    assert taking.communicate(timeout=DEADLINE_SECONDS)[0].strip() == "held"
