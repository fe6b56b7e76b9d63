"""Notices by datagram: who gets them, what becomes of stale sockets, and of a listener whose socket is gone."""

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.sqlite.conftest import DEADLINE_SECONDS, NewStore, Start
from workmill.store import Listener, Notice, NoticeKind
from workmill.stores.sqlite import SqliteStore, wake
from workmill.stores.sqlite.wake import Bells, Ear, folded
from workmill.testing.conformance.making import SECOND, add, end, hired, new_job, new_jobs, request, running, settle

ALL = frozenset(NoticeKind)
QUEUED = frozenset({NoticeKind.QUEUED})
TELL_QUEUED = """
    import asyncio, sys
    from workmill.stores.sqlite import SqliteStore
    from workmill.testing.conformance.making import new_job

    async def main():
        store = SqliteStore(sys.argv[1])
        await store.open()
        await store.enqueue([new_job(queue="from afar")])
        await store.close()

    asyncio.run(main())
"""


def sockets(store: SqliteStore) -> list[str]:
    return sorted(file.name for file in store.wake_folder.iterdir() if file.is_socket())


def bound(folder: Path, name: str) -> socket.socket:
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with wake.reachable(folder) as reachable:
        ear.bind(f"{reachable}/{name}")
    return ear


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def share(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


async def heard(listener: Listener, *, until: NoticeKind) -> list[Notice]:
    """Listen until a notice of a kind has come."""
    notices: list[Notice] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not any(notice.kind is until for notice in notices):
            notices += await listener.next(DEADLINE_SECONDS)
    return notices


async def test_socket_tells_the_kinds_and_is_gone_afterwards(store: SqliteStore) -> None:
    async with store.listen(frozenset({NoticeKind.QUEUED, NoticeKind.CANCEL})):
        (name,) = sockets(store)

    assert name.startswith(f"qx.{os.getpid()}.")
    assert sockets(store) == []


async def test_listener_gets_only_its_kinds(store: SqliteStore) -> None:
    async with store.listen(QUEUED) as listener, store.listen(ALL) as other:
        job = await running(store, new_job(queue="a"))
        await settle(store, end(job))
        await store.enqueue([new_job(delay=SECOND)])
        rest = await heard(other, until=NoticeKind.SCHEDULED)

        assert await listener.next(0) == [Notice(kind=NoticeKind.QUEUED, queue="a")]
        assert Notice(kind=NoticeKind.CHANGED, job_ids=(job.id,)) in rest


async def test_one_transaction_is_one_datagram_for_each_queue_and_kind(store: SqliteStore) -> None:
    async with store.listen(ALL) as listener:
        batch = [new_job(queue=queue) for queue in ("a", "b", "a")]
        await store.enqueue(batch)

        assert await heard(listener, until=NoticeKind.CHANGED) == [
            Notice(kind=NoticeKind.QUEUED, queue="a"),
            Notice(kind=NoticeKind.QUEUED, queue="b"),
            Notice(kind=NoticeKind.CHANGED, job_ids=tuple(new.id for new in batch)),
        ]


async def test_notice_of_too_many_jobs_stands_for_any(store: SqliteStore) -> None:
    async with store.listen(frozenset({NoticeKind.CHANGED})) as listener:
        await store.enqueue(new_jobs(wake.MOST_IDS + 1))

        assert await heard(listener, until=NoticeKind.CHANGED) == [Notice(kind=NoticeKind.CHANGED)]


def test_what_stands_for_any_swallows_the_rest() -> None:
    notices = [
        Notice(kind=NoticeKind.CHANGED, job_ids=("a",)),
        Notice(kind=NoticeKind.CHANGED),
        Notice(kind=NoticeKind.CANCEL, job_ids=("a",)),
        Notice(kind=NoticeKind.CANCEL, job_ids=("b",)),
    ]

    assert folded(notices) == [
        Notice(kind=NoticeKind.CHANGED),
        Notice(kind=NoticeKind.CANCEL, job_ids=("a", "b")),
    ]


def test_too_many_queues_stand_for_any() -> None:
    notices = [Notice(kind=NoticeKind.QUEUED, queue=str(number)) for number in range(wake.MOST_NAMES + 1)]

    assert folded([*notices, Notice(kind=NoticeKind.SCHEDULED)]) == [
        Notice(kind=NoticeKind.SCHEDULED),
        Notice(kind=NoticeKind.QUEUED),
    ]


async def test_folder_that_others_can_enter_is_not_trusted(path: Path, new_store: NewStore) -> None:
    folder = path.with_name("jobs.db-wake")
    share(folder)
    store = new_store(path)
    await store.open()
    with bound(folder, "qsxc.1.stranger") as stranger:
        stranger.setblocking(False)
        async with store.listen(ALL) as listener:
            await add(store, new_job())
            await add(store, new_job())

            assert await listener.next(0) == []
        with pytest.raises(BlockingIOError):
            stranger.recv(1000)

    assert [file.name for file in files(folder)] == ["qsxc.1.stranger"]
    await store.close()


async def test_folder_that_is_gone_has_no_listeners(store: SqliteStore) -> None:
    remove(store.wake_folder)

    assert await add(store, new_job())


async def test_folder_that_takes_no_sockets_leaves_a_listener_deaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake, "CHECK_SECONDS", 0.001)
    monkeypatch.setattr(wake, "LONGEST_ADDRESS", 10_000)
    folder = tmp_path / ("x" * 120)
    ear = Ear(folder, QUEUED)
    ear.open()

    assert await ear.next(0.01) == []

    ear.close()


async def test_foreign_files_and_nonsense_harm_nobody(store: SqliteStore) -> None:
    for name in ("README", "q.not-a-socket", ".hidden", "zz.1.2"):
        (store.wake_folder / name).write_text("hello")
    async with store.listen(QUEUED) as listener:
        (name,) = sockets(store)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
            for nonsense in (b"", b"\xff", b"{}", b"[1]", b'[["z","",[]]]', b'[["q"]]', b'[["q",[],5]]'):
                stranger.sendto(nonsense, str(store.wake_folder / name))
        await add(store, new_job(queue="a"))

        assert await heard(listener, until=NoticeKind.QUEUED) == [Notice(kind=NoticeKind.QUEUED, queue="a")]


@pytest.mark.parametrize("what", ["socket", "folder"])
async def test_listener_whose_socket_vanished_makes_it_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(wake, "CHECK_SECONDS", 0.01)
    async with store.listen(QUEUED) as listener:
        (name,) = sockets(store)
        if what == "folder":
            remove(store.wake_folder)
        else:
            (store.wake_folder / name).unlink()

        # What was sent meanwhile is unknown, so it says that anything may have been.
        assert await listener.next(DEADLINE_SECONDS) == [Notice(kind=NoticeKind.QUEUED)]

        await add(store, new_job(queue="a"))
        assert await heard(listener, until=NoticeKind.QUEUED) == [Notice(kind=NoticeKind.QUEUED, queue="a")]


async def test_listener_without_a_folder_is_deaf_but_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "CHECK_SECONDS", 0.01)
    folder = tmp_path / "absent" / "wake"
    ear = Ear(folder, QUEUED)
    ear.open()
    assert await ear.next(0) == []

    folder.parent.mkdir()

    assert await ear.next(DEADLINE_SECONDS) == [Notice(kind=NoticeKind.QUEUED)]
    assert folder.is_dir()
    ear.close()


async def test_system_without_such_sockets_is_served_by_polling(
    path: Path, monkeypatch: pytest.MonkeyPatch, new_store: NewStore
) -> None:
    monkeypatch.setattr(wake, "IS_POSSIBLE", False)
    store = new_store(path)
    await store.open()
    async with store.listen(ALL) as listener:
        await add(store, new_job())

        assert await listener.next(0.02) == []

    await store.close()


@pytest.mark.slow
@pytest.mark.parametrize("length", [10, 90, 200])
async def test_notice_crosses_processes_however_long_the_path(
    tmp_path: Path, start: Start, length: int, new_store: NewStore
) -> None:
    folder = tmp_path / ("x" * length)
    folder.mkdir()
    store = new_store(folder / "jobs.db")
    await store.open()
    async with store.listen(QUEUED) as listener:
        start(TELL_QUEUED, folder / "jobs.db")

        assert await heard(listener, until=NoticeKind.QUEUED) == [Notice(kind=NoticeKind.QUEUED, queue="from afar")]

    await store.close()


@pytest.fixture
def bells(tmp_path: Path) -> Iterator[Bells]:
    bells = Bells(tmp_path)
    yield bells
    bells.close()


def test_listener_that_came_within_the_same_tick_is_found(tmp_path: Path, bells: Bells) -> None:
    """The folder's time may not tell of a second change within one tick of the file system's clock."""
    with bound(tmp_path, "q.1.first") as first:
        stamp = (tmp_path).stat().st_mtime_ns
        bells.ring([Notice(kind=NoticeKind.QUEUED)])
        with bound(tmp_path, "q.1.second") as second:
            os.utime(tmp_path, ns=(stamp, stamp))
            bells.ring([Notice(kind=NoticeKind.QUEUED)])

            for ear in (first, second):
                ear.settimeout(DEADLINE_SECONDS)
                assert ear.recv(1000) == b'[["q","",[]]]'


def test_unchanged_folder_is_not_listed_again(tmp_path: Path, bells: Bells, monkeypatch: pytest.MonkeyPatch) -> None:
    with bound(tmp_path, "q.1.first") as ear:
        stamp = tmp_path.stat().st_mtime_ns - 10 * wake.SETTLED_NANOSECONDS
        os.utime(tmp_path, ns=(stamp, stamp))
        bells.ring([Notice(kind=NoticeKind.QUEUED)])
        monkeypatch.setattr(Path, "iterdir", None)

        bells.ring([Notice(kind=NoticeKind.QUEUED)])

        ear.settimeout(DEADLINE_SECONDS)
        assert [ear.recv(1000) for _ in range(2)] == [b'[["q","",[]]]'] * 2


async def test_claim_tells_which_jobs_changed(store: SqliteStore) -> None:
    job = await add(store, new_job())
    worker_id = await hired(store)  # by now the job's own notice is out
    async with store.listen(frozenset({NoticeKind.CHANGED})) as listener:
        await store.claim(request(worker_id))

        assert await heard(listener, until=NoticeKind.CHANGED) == [Notice(kind=NoticeKind.CHANGED, job_ids=(job.id,))]


def test_listener_that_reads_nothing_holds_nobody_up(tmp_path: Path, bells: Bells) -> None:
    with bound(tmp_path, "q.1.deaf"), bound(tmp_path, "q.1.good") as good:
        good.settimeout(DEADLINE_SECONDS)
        for _ in range(1200):  # more than any system keeps for one socket
            bells.ring([Notice(kind=NoticeKind.QUEUED)])
            assert good.recv(1000) == b'[["q","",[]]]'


def test_socket_of_a_dead_listener_is_swept_away(tmp_path: Path, bells: Bells) -> None:
    bound(tmp_path, "q.1.dead").close()
    with bound(tmp_path, "q.1.living"):
        bells.ring([Notice(kind=NoticeKind.QUEUED)])

    assert [file.name for file in tmp_path.iterdir()] == ["q.1.living"]
