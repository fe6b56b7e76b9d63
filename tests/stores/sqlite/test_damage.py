"""Disks that are full, files that are damaged, moved or deleted, rows that cannot be read."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import NewRaw, NewStore, Raw
from workmill.store import JobFilter, Level
from workmill.stores.sqlite import SqliteStore, connecting
from workmill.testing.conformance.making import (
    add,
    hired,
    new_job,
    request,
    running,
    stored,
)
from workmill.words.errors import JobConflict, StoreUnavailable
from workmill.words.job import Ending, JobState
from workmill.words.outcome import FailureKind

PAGE = 4096
DAMAGES = {
    "policy": "UPDATE job SET policy = '{' WHERE id = ?",
    "policy of another shape": "UPDATE job SET policy = '[]' WHERE id = ?",
    "progress": "UPDATE job SET progress = '[1]' WHERE id = ?",
    "failure": "UPDATE job SET failure = '{}' WHERE id = ?",
    "arguments": "UPDATE job SET args = CAST(x'7b22ff227d' AS TEXT) WHERE id = ?",
    "ties": "UPDATE job SET ties = '[' WHERE id = ?",
}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("this system does not let a small disk be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that a disk has left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * PAGE):
            pass
    return filler


def roots(raw: Raw, kind: str) -> list[int]:
    """Return the pages where the tables or the indexes begin."""
    return [page for (page,) in raw.execute("SELECT rootpage FROM sqlite_schema WHERE type = ?", (kind,))]


def overwrite(path: Path, pages: list[int]) -> None:
    """Write nonsense over some pages."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def copied(path: Path) -> Path:
    copy = path.with_name("copy.db")
    if not copy.exists():
        copy.write_bytes(path.read_bytes())
    return copy


def vanish(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink()


async def test_full_disk_refuses_jobs_keeps_the_old_and_serves_again(small_disk: Path, new_store: NewStore) -> None:
    store = new_store(small_disk / "jobs.db")
    await store.open()
    kept = await add(store, new_job())
    filler = fill(small_disk)

    with pytest.raises(StoreUnavailable, match="disk is full; make room"):
        await store.enqueue([new_job(args=b'"' + b"x" * 200_000 + b'"')])

    assert await stored(store, kept.id) == kept
    findings = {finding.subject: finding for finding in await store.diagnose()}
    assert findings["disk"].level is Level.FAIL
    filler.unlink()
    assert await add(store, new_job())
    await store.close()


async def test_damaged_file_is_said_to_be_damaged_with_a_remedy(
    path: Path, new_store: NewStore, new_raw: NewRaw
) -> None:
    store = new_store(path)
    await store.open()
    job = await add(store, new_job())
    with closing(new_raw(path)) as raw:
        tables = roots(raw, "table")
    await store.close()
    overwrite(path, tables)

    await store.open()

    with pytest.raises(StoreUnavailable, match=r"damaged; restore a backup"):
        await store.get([job.id])
    with pytest.raises(StoreUnavailable, match=r"damaged; restore a backup"):
        await add(store, new_job())
    await store.close()


async def test_damaged_file_is_found_by_looking(path: Path, store: SqliteStore, raw: Raw, new_store: NewStore) -> None:
    await add(store, new_job())
    raw.pragma("wal_checkpoint", "TRUNCATE")
    other = new_store(copied(path))
    overwrite(copied(path), roots(raw, "index"))
    await other.open()

    findings = [finding for finding in await other.diagnose() if finding.level is Level.FAIL]

    assert {finding.subject for finding in findings} == {"file"}
    assert "damaged" in findings[0].detail
    await other.close()


@pytest.mark.parametrize("what", ["deleted", "replaced"])
async def test_file_that_is_no_longer_there_takes_no_jobs(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, what: str, new_store: NewStore
) -> None:
    await add(store, new_job())
    monkeypatch.setattr(connecting, "LOOK_SECONDS", 0.0)
    vanish(path)
    if what == "replaced":
        other = new_store(path)
        await other.open()
        await other.close()

    with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
        await add(store, new_job())
    with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
        await store.counts()


@pytest.mark.parametrize("damage", DAMAGES)
async def test_unreadable_row_fails_with_what_was_found_in_it(store: SqliteStore, raw: Raw, damage: str) -> None:
    bad, good = await add(store, new_job()), await add(store, new_job())
    raw.execute(DAMAGES[damage], (bad.id,))
    assert [job.id for job in (await store.find(JobFilter(), limit=10, cursor=None)).jobs] == [good.id]

    claimed = await store.claim(request(await hired(store), limit=2))

    assert [job.id for job in claimed] == [good.id]
    failed = await stored(store, bad.id)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert failed.failure.kind is FailureKind.UNREADABLE
    assert "cannot be read" in failed.failure.message
    assert failed.finished_at is not None
    assert failed.expires_at is not None


@pytest.mark.parametrize("damage", DAMAGES)
async def test_unreadable_running_row_ends_its_attempt(store: SqliteStore, raw: Raw, damage: str) -> None:
    job = await running(store)
    raw.execute(DAMAGES[damage], (job.id,))

    assert await store.held(job.worker or "") == []

    (attempt,) = await store.attempts(job.id)
    assert (attempt.number, attempt.token, attempt.ending) == (1, 1, Ending.FAILED)
    assert [count.state for count in await store.counts()] == [JobState.FAILED]


async def test_claim_reaches_what_stands_behind_many_unreadable_rows(store: SqliteStore, raw: Raw) -> None:
    await store.enqueue([new_job() for _ in range(50)])
    raw.execute("UPDATE job SET policy = '{'")
    good = await add(store, new_job())

    claimed = await store.claim(request(await hired(store), limit=3))

    assert [job.id for job in claimed] == [good.id]
    assert {count.state: count.jobs for count in await store.counts()} == {"failed": 50, "running": 1}


async def test_id_or_key_of_an_unreadable_row_is_a_conflict(store: SqliteStore, raw: Raw) -> None:
    bad = await add(store, new_job(key="a"))
    raw.execute(DAMAGES["policy"], (bad.id,))

    for new in (new_job(id=bad.id), new_job(key="a")):
        with pytest.raises(JobConflict, match="cannot be read") as refused:
            await store.enqueue([new_job(), new])
        assert refused.value.job_id == bad.id


async def test_lane_that_another_program_filled_is_found_and_counted(store: SqliteStore, raw: Raw) -> None:
    for task, queue in (("a", "x"), ("b", "x"), ("b", "y"), ("c", "y")):
        await add(store, new_job(task=task, queue=queue))
    raw.execute("DELETE FROM tally WHERE task = 'b'")
    finding = next(each for each in await store.diagnose() if each.subject == "tally")
    assert (finding.level, "b on x, b on y" in finding.detail) == (Level.WARN, True)

    await store.prune(1)

    assert [(count.task, count.queue, count.jobs) for count in await store.counts()] == [
        ("a", "x", 1),
        ("b", "x", 1),
        ("b", "y", 1),
        ("c", "y", 1),
    ]
    assert len(await store.claim(request(await hired(store), tasks=("b",), limit=5))) == 2
