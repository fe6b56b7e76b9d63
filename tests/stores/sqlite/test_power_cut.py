"""A power cut at any point: what was answered is on the disk, and what is on the disk is whole.

Below SQLite stands a file system that notes every write and every sync. From these notes the disk is rebuilt as a power
cut would leave it at any point: what was synced is there, of what was not each write may be missing.
"""

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from workmill.stores.sqlite import SqliteStore, claiming, connecting, enqueueing, leasing, pruning, settling
from workmill.stores.sqlite.by_apsw import ApswDriver
from workmill.stores.sqlite.writer import Writer
from workmill.testing.conformance.making import end, new_job, new_worker, request
from workmill.words.clock import system_clock
from workmill.words.job import JobState
from workmill.words.policy import Policy

ROUNDS = 12


class Note(NamedTuple):
    """One thing that happened to a file: a write at a place, a truncation to a length, a sync, a deletion."""

    what: str
    file: str
    place: int = 0
    data: bytes = b""


@dataclass
class Notes:
    """All that happened to the disk, and how far it had come when an answer was given."""

    disk: list[Note] = field(default_factory=list)
    stored: list[tuple[int, str]] = field(default_factory=list)
    settled: list[tuple[int, str]] = field(default_factory=list)

    def answered(self, of: list[tuple[int, str]], point: int) -> list[str]:
        return [job_id for place, job_id in of if place <= point]


class NotedFile(apsw.VFSFile):
    def __init__(self, notes: Notes, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self._notes = notes
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._notes.disk.append(Note("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._notes.disk.append(Note("truncate", self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._notes.disk.append(Note("sync", self._name))
        super().xSync(flags)


class NotedDisk(apsw.VFS):
    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        super().__init__("noted", "")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> NotedFile:  # noqa: N802
        return NotedFile(self._notes, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        self._notes.disk.append(Note("delete", Path(filename).name))
        super().xDelete(filename, syncdir)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    """Let writers write to a disk that notes everything, with small checkpoints."""
    notes = Notes()
    disk = NotedDisk(notes)
    settings = ("PRAGMA locking_mode = EXCLUSIVE", *connecting.SETTINGS, "PRAGMA wal_autocheckpoint = 40")
    monkeypatch.setattr(connecting, "SETTINGS", settings)
    plain = apsw.Connection
    monkeypatch.setattr(apsw, "Connection", lambda path, flags: plain(path, flags, "noted"))
    yield notes
    monkeypatch.undo()
    disk.unregister()


async def work(path: Path, notes: Notes, *, is_durable: bool) -> None:
    """Store, claim and settle jobs, and note how far the disk had come at each answer."""
    writer = Writer(path, ApswDriver(), system_clock, path.with_name("wake"))
    await writer.open()
    worker = new_worker()
    await writer.do(partial(leasing.register, worker), is_durable=False)
    for number in range(ROUNDS):
        batch = [new_job(policy=Policy(keep=Policy().keep * (number % 2))) for _ in range(1 + number % 4)]
        await writer.do(partial(enqueueing.enqueue, batch), is_durable=is_durable)
        notes.stored += [(len(notes.disk), new.id) for new in batch if new.policy.keep]
        jobs = await writer.do(partial(claiming.claim, request(worker.id, limit=2)), is_durable=False)
        ends = partial(settling.settle, [end(job) for job in jobs], request(worker.id, limit=1))
        await writer.do(ends, is_durable=is_durable)
        notes.settled += [(len(notes.disk), job.id) for job in jobs if job.policy.keep]
        await writer.do(partial(pruning.prune, 1), is_durable=False)
    await writer.close()


def left_by_a_cut(notes: list[Note], drop: float, chance: random.Random) -> dict[str, bytearray]:
    """Return the files as a power cut leaves them, each write since its file's last sync missing with a chance."""
    synced: dict[str, bytearray] = {}
    since: dict[str, list[Note]] = {}
    for note in notes:
        match note.what:
            case "sync":
                carry_out(since.pop(note.file, []), synced.setdefault(note.file, bytearray()))
            case "delete":
                synced.pop(note.file, None)
                since.pop(note.file, None)
            case _:
                since.setdefault(note.file, []).append(note)
    for name, writes in since.items():
        carry_out([note for note in writes if chance.random() >= drop], synced.setdefault(name, bytearray()))
    return synced


def carry_out(notes: list[Note], file: bytearray) -> None:
    for note in notes:
        if note.what == "truncate":
            del file[note.place :]
        else:
            file.extend(bytes(max(note.place - len(file), 0)))
            file[note.place : note.place + len(note.data)] = note.data


def assert_whole(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        counted = connection.execute("SELECT state, task, queue, count(*) FROM job GROUP BY 1, 2, 3").fetchall()
        tallied = connection.execute("SELECT state, task, queue, jobs FROM tally WHERE jobs <> 0").fetchall()
    assert sorted(tallied) == sorted(counted)


def lay_down(files: dict[str, bytearray], folder: Path) -> None:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


async def lost(notes: Notes, point: int, drop: float, folder: Path, chance: random.Random) -> list[str]:
    """Cut the power at a point and return the jobs whose storing or settling was answered and is gone."""
    lay_down(left_by_a_cut(notes.disk[:point], drop, chance), folder)
    store = SqliteStore(folder / "jobs.db")
    await store.open()
    stored, settled = notes.answered(notes.stored, point), notes.answered(notes.settled, point)
    jobs = {job.id: job.state for job in await store.get(stored) if job is not None}
    assert (await store.enqueue([new_job()]))[0].created
    await store.close()
    assert_whole(folder / "jobs.db")
    return [id for id in stored if id not in jobs or (id in settled and jobs[id] is not JobState.SUCCEEDED)]


@pytest.mark.slow
@pytest.mark.parametrize("drop", [1.0, 0.5])
async def test_power_cut_takes_back_nothing_that_was_answered(
    tmp_path: Path, notes: Notes, monkeypatch: pytest.MonkeyPatch, drop: float
) -> None:
    await work(tmp_path / "jobs.db", notes, is_durable=True)
    monkeypatch.undo()
    chance = random.Random(1)

    for point in chance.sample(range(notes.stored[0][0], len(notes.disk) + 1), 60):
        assert await lost(notes, point, drop, tmp_path / f"cut-{point}", chance) == []


@pytest.mark.slow
async def test_power_cut_does_take_back_what_did_not_wait_for_the_disk(
    tmp_path: Path, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above can fail. The file is whole all the same."""
    await work(tmp_path / "jobs.db", notes, is_durable=False)
    monkeypatch.undo()
    chance = random.Random(1)

    points = chance.sample(range(notes.stored[0][0], len(notes.disk) + 1), 30)

    assert any([await lost(notes, point, 1.0, tmp_path / f"cut-{point}", chance) for point in points])
