"""Notices between processes: LISTEN and NOTIFY, apart from the transactions they tell of.

A NOTIFY within a transaction makes all such commits of a database wait for one another. So an enqueue carries its own
only where this process has not done so for a while, which is when a worker may be idle; else what was committed is told
right after, by a statement of its own, and what happens while that is under way is told together by the next.

    sender: commit -> note -> is nothing under way? NOTIFY, then what was noted meanwhile, after a breath
            claim -> note -> NOTIFY with the next, or after a breath: the jobs begin first, and many have ended by then
    listener: LISTEN -> notices come -> every few seconds a notice to itself: has it come back? no -> connect anew

There is one channel for each kind, so that a listener wakes only for what it asked for, and one for the listener's
own probe. Where a pooler stands in between that gives a session away after every transaction, the probe never comes
back: the listener is deaf then, says so to `diagnose`, and polling serves.
"""

import asyncio
import time
from collections.abc import Sequence

from workmill.store import Notice, NoticeKind
from workmill.stores.hearing import LETTERS
from workmill.stores.postgres.lines import Lines
from workmill.stores.postgres.statements import statements
from workmill.words.codec import dump, load
from workmill.words.errors import StoreError

MOST_IDS = 150
"""A notice about more jobs than these stands for any."""
LARGEST_PAYLOAD = 7900
MOST_WAITING = 5000
BREATH_SECONDS = 0.005
QUIET_SECONDS = 0.002
"""So seldom a transaction of one process tells by itself."""


class Bells:
    """The sending side of one store."""

    def __init__(self, lines: Lines, schema: str) -> None:
        self._lines = lines
        self._schema = schema
        self._noted: list[Notice] = []
        self._ringing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._inside_at = 0.0

    def ring(self, notices: Sequence[Notice], *, waits: bool = False) -> None:
        """Send notices soon; they may be lost. What `waits` may go with the next that does not."""
        if not notices:
            return
        self._noted += notices
        if len(self._noted) > MOST_WAITING:
            self._noted = folded(self._noted)
        if not waits:
            self._start()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BREATH_SECONDS, self._start)

    def ring_inside(self, notices: Sequence[Notice]) -> list[tuple[str, str]]:
        """Return channels and payloads for a transaction to tell itself; none where `ring` must do it afterwards."""
        now = time.monotonic()
        if now - self._inside_at < QUIET_SECONDS:
            return []
        self._inside_at = now
        return [(channel(self._schema, notice.kind), written(notice)) for notice in folded(notices)]

    async def close(self) -> None:
        """Wait until what was noted is sent."""
        self._start()
        if self._ringing is not None:
            await self._ringing

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ringing is None and self._noted:
            self._ringing = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        try:
            while self._noted:
                noted, self._noted = self._noted, []
                await self._send(folded(noted))
                await asyncio.sleep(BREATH_SECONDS)
        finally:
            self._ringing = None

    async def _send(self, notices: Sequence[Notice]) -> None:
        channels = [channel(self._schema, notice.kind) for notice in notices]
        try:
            sql = statements("wake", self._schema)["ring"]
            await self._lines.run(sql, [channels, [written(notice) for notice in notices]])
        except StoreError:
            return  # What is lost is found by polling.


def channel(schema: str, kind: NoticeKind) -> str:
    """Name the channel of a kind."""
    return f"{schema}_{LETTERS[kind]}"


def folded(notices: Sequence[Notice]) -> list[Notice]:
    """Make one notice of those that say the same of different jobs."""
    ids: dict[tuple[NoticeKind, str, str], dict[str, None]] = {}
    whole: set[tuple[NoticeKind, str, str]] = set()
    for notice in notices:
        about = (notice.kind, notice.queue, notice.channel)
        ids.setdefault(about, {}).update(dict.fromkeys(notice.job_ids))
        if not notice.job_ids:
            whole.add(about)
    return [
        Notice(
            kind=about[0],
            queue=about[1],
            channel=about[2],
            job_ids=() if about in whole or len(known) > MOST_IDS else tuple(known),
        )
        for about, known in ids.items()
    ]


def written(notice: Notice) -> str:
    """Write a notice as a payload; one that would be too long stands for any job."""
    name = notice.channel or notice.queue
    text = dump([name, list(notice.job_ids)])
    return (text if len(text) <= LARGEST_PAYLOAD else dump([name, []])).decode()


def read(kind: NoticeKind, payload: str) -> list[Notice]:
    """Read a payload; one that is not ours says nothing."""
    try:
        name, job_ids = load(payload)
        if kind is NoticeKind.PUBLISHED:
            return [Notice(kind=kind, channel=str(name))]
        return [Notice(kind=kind, queue=str(name), job_ids=tuple(str(job_id) for job_id in job_ids))]
    except (ValueError, TypeError):
        return []
