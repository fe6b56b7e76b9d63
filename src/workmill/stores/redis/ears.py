"""Who listens, and what the messages of scripts say to them.

There is one channel for each kind, so that a listener wakes only for what it asked for. A message is a msgpack array:
of queues, of channels, or of the ids of jobs, where none stands for any; of a time it says nothing more.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import msgpack

from workmill.store import Notice, NoticeKind

LETTERS = {
    NoticeKind.QUEUED: "q",
    NoticeKind.SCHEDULED: "s",
    NoticeKind.CANCEL: "x",
    NoticeKind.CHANGED: "c",
    NoticeKind.PUBLISHED: "p",
}
KINDS = {letter: kind for kind, letter in LETTERS.items()}
MOST_KEPT = 1000


class Ear:
    """One ear. Belongs to one event loop."""

    def __init__(self, kinds: frozenset[NoticeKind]) -> None:
        self.kinds = kinds
        self._heard: list[Notice] = []
        self._came = asyncio.Event()

    def hear(self, notices: Sequence[Notice]) -> None:
        """Keep notices for the next call."""
        self._heard += [notice for notice in notices if notice.kind in self.kinds]
        if len(self._heard) > MOST_KEPT:
            self._heard = [Notice(kind=kind) for kind in dict.fromkeys(notice.kind for notice in self._heard)]
        if self._heard:
            self._came.set()

    async def next(self, timeout: float) -> list[Notice]:
        """Wait up to `timeout` seconds for notices."""
        if not self._heard:
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._came.wait()
        heard, self._heard = self._heard, []
        return heard


def read(kind: NoticeKind, payload: bytes) -> list[Notice]:
    """Read a message; one that is not ours says nothing."""
    if kind is NoticeKind.SCHEDULED:
        return [Notice(kind=kind)]
    try:
        names = [str(name) for name in msgpack.unpackb(payload)]
    except (ValueError, TypeError, msgpack.UnpackException):
        return []
    match kind:
        case NoticeKind.QUEUED:
            return [Notice(kind=kind, queue=name) for name in names or [""]]
        case NoticeKind.PUBLISHED:
            return [Notice(kind=kind, channel=name) for name in names or [""]]
        case _:
            return [Notice(kind=kind, job_ids=tuple(names))]
