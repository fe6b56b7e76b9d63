"""Notices between processes: one Unix datagram socket for each listener, in a folder beside the database.

A socket's file is named `<kinds>.<pid>.<random>`, so that a sender passes by those who do not care. The sender never
waits: what a full or vanished listener misses, its polling finds. Only the owner of the folder can enter it.

    sender: commit -> list the folder -> sendto, non-blocking -> nobody bound any more? unlink
    listener: bind -> datagrams come -> next() ... every few seconds: is my file still there? no -> bind again
"""

import asyncio
import contextlib
import os
import secrets
import socket
import stat
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from workmill.store import Notice, NoticeKind
from workmill.stores.hearing import KINDS, LETTERS, bounded
from workmill.words.codec import dump, load

IS_POSSIBLE = hasattr(socket, "AF_UNIX")

LONGEST_ADDRESS = 100
"""What every system's socket address can hold."""
MOST_IDS = 200
"""A notice about more jobs than these stands for any."""
MOST_NAMES = 100
"""More queues or channels than these stand for any; so a datagram stays below the smallest bound a system sets."""
LARGEST_DATAGRAM = 65_536
CHECK_SECONDS = 2.0
SETTLED_NANOSECONDS = 50_000_000
"""A folder that changed less long ago may change again without its time telling."""


def make_folder(folder: Path) -> bool:
    """Make the folder of the sockets for its owner alone; tell whether it is there and nobody else's."""
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
    return IS_POSSIBLE and is_private(folder)


def is_private(folder: Path) -> bool:
    """Whether only this user can enter a folder: in another's, strangers could listen in and keep the gate shut."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


class Bells:
    """The sending side. Belongs to one thread. Silent where there is no folder to trust."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._socket: socket.socket | None = None
        self._changed_at = -1
        self._ears: dict[str, frozenset[NoticeKind]] = {}

    def ring(self, notices: Sequence[Notice]) -> None:
        """Send notices to the listeners that care for them."""
        if not notices or self._folder is None:
            return
        ears = self._listen_round(self._folder)
        if not ears:
            return
        if self._socket is None:
            self._socket = unconnected()
        # The jobs are stored by now, whatever becomes of the news of them.
        with contextlib.suppress(OSError, ValueError), reachable(self._folder) as folder:
            for name, kinds in ears.items():
                told = folded([notice for notice in notices if notice.kind in kinds])
                if told:
                    self._send(self._socket, f"{folder}/{name}", written(told))

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()

    def _send(self, through: socket.socket, address: str, datagram: bytes) -> None:
        try:
            through.sendto(datagram, address)
        except ConnectionRefusedError:
            # Its process is gone without a word.
            Path(address).unlink(missing_ok=True)
        except OSError:
            # Full, or gone by now: a notice may be lost.
            return

    def _listen_round(self, folder: Path) -> dict[str, frozenset[NoticeKind]]:
        try:
            changed_at = folder.stat().st_mtime_ns
            if changed_at != self._changed_at:
                self._ears = {file.name: kinds for file in folder.iterdir() if (kinds := kinds_of(file.name))}
                is_settled = time.time_ns() - changed_at > SETTLED_NANOSECONDS
                self._changed_at = changed_at if is_settled else -1
        except OSError:
            self._ears = {}
        return self._ears


class Ear:
    """The listening side. Belongs to one event loop. Deaf where sockets cannot be had; then polling serves."""

    def __init__(self, folder: Path, kinds: frozenset[NoticeKind]) -> None:
        self._folder = folder
        self._kinds = kinds
        self._name = ""
        self._inode = -1
        self._socket: socket.socket | None = None
        self._heard: list[Notice] = []
        self._came = asyncio.Event()
        self._checked_at = 0.0

    def open(self) -> None:
        """Begin to listen."""
        self._checked_at = time.monotonic()
        letters = "".join(sorted(LETTERS[kind] for kind in self._kinds))
        self._name = f"{letters}.{os.getpid()}.{secrets.token_hex(4)}"
        if not make_folder(self._folder):
            return
        ear = unconnected()
        try:
            with reachable(self._folder) as folder:
                ear.bind(f"{folder}/{self._name}")
            self._inode = (self._folder / self._name).stat().st_ino
        except OSError:
            ear.close()
            return
        self._socket = ear
        asyncio.get_running_loop().add_reader(ear.fileno(), self._hear)

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
            with contextlib.suppress(OSError):
                (self._folder / self._name).unlink(missing_ok=True)

    async def next(self, timeout: float) -> list[Notice]:
        """Wait up to `timeout` seconds for notices."""
        deadline = time.monotonic() + timeout
        while not self._heard:
            self._check()
            remaining = deadline - time.monotonic()
            if self._heard or remaining <= 0:
                break
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(remaining, CHECK_SECONDS)):
                    await self._came.wait()
        heard, self._heard = self._heard, []
        return heard

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._socket is not None:
                self._heard += read(self._socket.recv(LARGEST_DATAGRAM), self._kinds)
        self._heard = bounded(self._heard)
        self._came.set()

    def _check(self) -> None:
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = time.monotonic()
        try:
            is_there = (self._folder / self._name).stat().st_ino == self._inode
        except OSError:
            is_there = False
        if not is_there:
            self.close()
            self.open()
            if self._socket is not None:
                # What was sent meanwhile is not known.
                self._heard += [Notice(kind=kind) for kind in sorted(self._kinds)]


def unconnected() -> socket.socket:
    """Make a datagram socket that never waits."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


@contextlib.contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """Give a spelling of the folder that fits into a socket's address."""
    if len(os.fsencode(folder)) + len("/cpqsx.4194304.00000000") <= LONGEST_ADDRESS:
        yield str(folder)
        return
    door = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{door}"
    finally:
        os.close(door)


def kinds_of(name: str) -> frozenset[NoticeKind]:
    """Return the kinds that a socket's name asks for; none for a file that is no socket of ours."""
    letters, dot, _ = name.partition(".")
    return frozenset(KINDS[letter] for letter in letters if letter in KINDS) if dot else frozenset()


def folded(notices: Sequence[Notice]) -> list[Notice]:
    """Make one notice of those that say the same of different jobs."""
    ids: dict[tuple[NoticeKind, str], list[str]] = {}
    whole: set[tuple[NoticeKind, str]] = set()
    for notice in notices:
        about = (notice.kind, name_in(notice))
        ids.setdefault(about, []).extend(notice.job_ids)
        if not notice.job_ids:
            whole.add(about)
    names = Counter(kind for kind, _ in ids)
    any_name = {kind: Notice(kind=kind) for kind, count in names.items() if count > MOST_NAMES}
    return [
        notice_of(kind, name, () if (kind, name) in whole or len(known) > MOST_IDS else tuple(known))
        for (kind, name), known in ids.items()
        if kind not in any_name
    ] + list(any_name.values())


def name_in(notice: Notice) -> str:
    """Return the queue or the channel that a notice names."""
    return notice.channel if notice.kind is NoticeKind.PUBLISHED else notice.queue


def notice_of(kind: NoticeKind, name: str, job_ids: tuple[str, ...]) -> Notice:
    """Return a notice that names a queue or, where it is about messages, a channel."""
    if kind is NoticeKind.PUBLISHED:
        return Notice(kind=kind, channel=name, job_ids=job_ids)
    return Notice(kind=kind, queue=name, job_ids=job_ids)


def written(notices: Sequence[Notice]) -> bytes:
    """Write notices as one datagram."""
    return dump([[LETTERS[notice.kind], name_in(notice), list(notice.job_ids)] for notice in notices])


def read(datagram: bytes, kinds: frozenset[NoticeKind]) -> list[Notice]:
    """Read a datagram; one that is not ours says nothing."""
    try:
        notices = [
            notice_of(KINDS[letter], str(name), tuple(str(job_id) for job_id in job_ids))
            for letter, name, job_ids in load(datagram)
        ]
    except (ValueError, TypeError, KeyError):
        return []
    return [notice for notice in notices if notice.kind in kinds]
