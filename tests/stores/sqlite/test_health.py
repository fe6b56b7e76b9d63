"""What `diagnose` finds, each thing shown well and unwell."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import NewStore, Raw
from workmill.store import Finding, Level
from workmill.stores.sqlite import SqliteStore, health, surroundings
from workmill.stores.sqlite.driver import DriverName
from workmill.stores.sqlite.drivers import driver_named
from workmill.stores.sqlite.transaction import Transaction
from workmill.testing.conformance.making import add, new_job

MOUNT = "36 35 {device} / /jobs rw,relatime shared:1 - {kind} server:/export rw\n"


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


def mounted(folder: Path, kind: str) -> Path:
    """Write what a system says of its mounts, with one kind of file system under a folder."""
    device = folder.stat().st_dev
    mounts = folder / "mountinfo"
    mounts.write_text(MOUNT.format(device=f"{os.major(device)}:{os.minor(device)}", kind=kind))
    return mounts


async def finding(store: SqliteStore, subject: str) -> Finding:
    return next(each for each in await store.diagnose() if each.subject == subject)


async def test_new_store_is_well(store: SqliteStore) -> None:
    findings = await store.diagnose()

    assert {each.subject for each in findings} >= {"SQLite", "journal", "file", "clock", "tally", "durability"}
    assert {each.subject for each in findings} >= {"file modes", "folder", "disk", "wake-up"}
    # The standard library's SQLite may be one that `doctor` warns of.
    assert {each.level for each in findings if each.subject != "SQLite"} == {Level.OK}


async def test_a_file_that_cannot_be_written_is_found_although_a_transaction_can_begin(
    store: SqliteStore, path: Path, driver: DriverName
) -> None:
    await add(store, new_job())
    connection = driver_named(driver).connect(path, may_write=False)
    connection.execute("BEGIN IMMEDIATE")

    with pytest.raises(driver_named(driver).error, match="readonly"):
        health.look_at_writing(Transaction(connection, now=0))
    connection.close()


@pytest.mark.parametrize(("sound", "level"), [((3, 0, 0), Level.OK), ((9, 0, 0), Level.WARN)])
async def test_library_is_named_and_an_old_one_is_found(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, driver: DriverName, sound: tuple[int, ...], level: Level
) -> None:
    monkeypatch.setattr(health, "SOUND_VERSION", sound)

    found = await finding(store, "SQLite")

    assert (found.level, f"through {driver}" in found.detail) == (level, True)
    assert bool(found.remedy) == (level is Level.WARN)


async def test_journal_that_another_program_changed_is_found(
    path: Path, monkeypatch: pytest.MonkeyPatch, new_store: NewStore
) -> None:
    monkeypatch.setattr("workmill.stores.sqlite.connecting.SETTINGS", ())
    store = new_store(path)
    await store.open()

    found = await finding(store, "journal")

    assert (found.level, "'delete' instead of WAL" in found.detail) == (Level.WARN, True)
    await store.close()


async def test_lazy_disk_is_found(path: Path, monkeypatch: pytest.MonkeyPatch, new_store: NewStore) -> None:
    monkeypatch.setattr(
        "workmill.stores.sqlite.connecting.SETTINGS", ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
    )
    store = new_store(path)
    await store.open()

    assert (await finding(store, "durability")).level is Level.FAIL
    await store.close()


async def test_file_that_is_mostly_empty_is_found(
    store: SqliteStore, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    for statement in ("CREATE TABLE heap (x)", "INSERT INTO heap VALUES (zeroblob(3000000))", "DROP TABLE heap"):
        raw.execute(statement)
    monkeypatch.setattr(health, "MUCH_UNUSED", 1_000_000)

    found = await finding(store, "file")

    assert (found.level, "VACUUM" in found.remedy) == (Level.WARN, True)


async def test_pages_of_a_large_file_are_not_all_read(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "QUICKLY_CHECKED", 0)

    assert "sound" not in (await finding(store, "file")).detail


async def test_clock_behind_the_newest_job_is_found(path: Path, new_store: NewStore) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    store = new_store(path, clock=lambda: now)
    await store.open()
    await add(store, new_job())
    now -= timedelta(hours=2)

    found = await finding(store, "clock")

    assert (found.level, found.detail.startswith("2:00:00 before")) == (Level.WARN, True)
    await store.close()


async def test_modes_open_to_others_are_found(store: SqliteStore, path: Path) -> None:
    set_mode(path, 0o644)

    found = await finding(store, "file modes")

    assert (found.level, found.remedy) == (Level.WARN, "chmod 600 jobs.db")


@pytest.mark.parametrize(("mode", "level"), [(0o755, Level.OK), (0o1777, Level.WARN), (0o777, Level.FAIL)])
async def test_folder_that_others_can_write_to_is_found(
    store: SqliteStore, tmp_path: Path, mode: int, level: Level
) -> None:
    set_mode(tmp_path, mode)

    assert (await finding(store, "folder")).level is level
    set_mode(tmp_path, 0o700)


@pytest.mark.parametrize(("kind", "level"), [("ext4", Level.OK), ("nfs4", Level.FAIL), ("fuse.sshfs", Level.FAIL)])
async def test_network_folder_is_found(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, level: Level
) -> None:
    monkeypatch.setattr(surroundings, "MOUNTS", mounted(tmp_path, kind))

    assert (await finding(store, "file system")).level is level


async def test_system_that_does_not_tell_its_mounts_is_no_finding(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "MOUNTS", tmp_path / "absent")

    assert "file system" not in {each.subject for each in await store.diagnose()}


async def test_folder_that_is_on_no_known_mount_is_no_finding(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "MOUNTS", mounted(tmp_path, "nfs4"))
    monkeypatch.setattr(os, "major", lambda _: 4095)

    assert "file system" not in {each.subject for each in await store.diagnose()}


@pytest.mark.parametrize(("bound", "level"), [("LITTLE_ROOM", Level.WARN), ("NO_ROOM", Level.FAIL)])
async def test_little_room_is_found(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, bound: str, level: Level
) -> None:
    monkeypatch.setattr(surroundings, bound, 2**60)

    assert (await finding(store, "disk")).level is level


async def test_wal_that_is_not_emptied_is_found(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(store, new_job())
    monkeypatch.setattr(surroundings, "LARGE_WAL", 0)

    assert (await finding(store, "WAL")).level is Level.WARN


async def test_wake_folder_open_to_others_is_found(store: SqliteStore) -> None:
    set_mode(store.wake_folder, 0o755)

    assert (await finding(store, "wake-up")).level is Level.WARN


async def test_folder_that_cannot_be_looked_at_is_a_finding(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> Finding:
        raise PermissionError("no")

    monkeypatch.setattr(surroundings, "room", fail)

    assert [each.level for each in await store.diagnose() if each.subject == "file"] == [Level.OK, Level.FAIL]
