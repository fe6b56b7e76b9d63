"""The listening side: one connection for all ears of a store, probed, and made again when it is gone."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Sequence

import psycopg

from workmill.store import Notice, NoticeKind
from workmill.stores.postgres.address import Address
from workmill.stores.postgres.lines import Lines, connect
from workmill.stores.postgres.statements import statements
from workmill.stores.postgres.wake import KINDS, channel, read
from workmill.stores.postgres.wire import Line
from workmill.words.errors import StoreError

PROBE_SECONDS = 9.0
ANSWER_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 5.0
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


class Post:
    """Where the ears of one store hang: it holds the connection that listens, while there is any ear.

    ```
    first ear ──► connecting ──► listening ──probe comes back──► listening
                      ▲              │
                      └──────────────┴── the probe does not come back, or the connection ends: all ears are told
    ```
    """

    def __init__(self, address: Address, lines: Lines) -> None:
        self._address = address
        self._lines = lines
        self._ears: set[Ear] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._first_try = asyncio.Event()
        self._turn = asyncio.Lock()
        self._line: Line | None = None
        self._listened: set[NoticeKind] = set()
        self._probe = f"{address.schema}_{secrets.token_hex(8)}"
        self._probed = asyncio.Event()
        self._ended = asyncio.Event()
        self.is_deaf = False

    async def add(self, ear: Ear) -> None:
        """Hang an ear up; from now on it hears, or the server cannot be reached and it will hear when it can."""
        async with self._turn:
            self._ears.add(ear)
            if self._keeping is None:
                self._first_try.clear()
                self._keeping = asyncio.create_task(self._keep())
            await self._first_try.wait()
            await self._widen()

    async def remove(self, ear: Ear) -> None:
        """Take an ear down; with the last one the connection goes."""
        async with self._turn:
            self._ears.discard(ear)
            if not self._ears and self._keeping is not None:
                self._keeping.cancel()
                await asyncio.wait({self._keeping})
                self._keeping = None

    async def _keep(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._listen()
                pause = 0.1
            except (psycopg.Error, OSError, TimeoutError, StoreError):
                self.is_deaf = True
            finally:
                self._first_try.set()
            self._tell_all()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection is gone or deaf."""
        line = await connect(self._address)
        socket = line.pgconn.socket
        line.add_notify_handler(lambda notice: self._take(notice.channel, notice.payload))
        self._ended.clear()
        self._listened = {kind for ear in self._ears for kind in ear.kinds}
        try:
            await listen(line, [self._probe, *self._channels(self._listened)])
            self._watch(line)
            self._line = line
            self._tell_all()
            self._first_try.set()
            await self._probe_while_it_answers()
        finally:
            self._line = None
            if not self._ended.is_set():
                asyncio.get_running_loop().remove_reader(socket)
            await line.close()

    async def _widen(self) -> None:
        """Listen for kinds that no ear has asked for before: an ear that nobody needs would wake for nothing."""
        line, kinds = self._line, {kind for ear in self._ears for kind in ear.kinds} - self._listened
        if line is None or not kinds:
            return
        self._listened |= kinds
        asyncio.get_running_loop().remove_reader(line.pgconn.socket)
        try:
            await listen(line, self._channels(kinds))
            self._watch(line)
        except (psycopg.Error, OSError, TimeoutError):
            self._end()

    def _channels(self, kinds: Iterable[NoticeKind]) -> list[str]:
        return [channel(self._address.schema, kind) for kind in kinds]

    def _watch(self, line: Line) -> None:
        socket = line.pgconn.socket
        asyncio.get_running_loop().add_reader(socket, self._hear, line, socket)

    async def _probe_while_it_answers(self) -> None:
        while True:
            self._probed.clear()
            sql = statements("wake", self._address.schema)["ring"]
            await self._lines.run(sql, [[self._probe], ["probe"]])
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._probed.wait()
            if self._ended.is_set():
                return
            self.is_deaf = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    await self._ended.wait()
                    return

    def _hear(self, line: Line, socket: int) -> None:
        try:
            line.pgconn.consume_input()
            while came := line.pgconn.notifies():
                self._take(came.relname.decode(), came.extra.decode())
        except psycopg.OperationalError:
            # Now, before anybody else gets a socket of this number.
            asyncio.get_running_loop().remove_reader(socket)
            self._end()

    def _take(self, name: str, payload: str) -> None:
        if name == self._probe:
            self._probed.set()
            return
        kind = KINDS.get(name.rpartition("_")[2])
        if kind is not None:
            notices = read(kind, payload)
            for ear in self._ears:
                ear.hear(notices)

    def _end(self) -> None:
        self._ended.set()
        self._probed.set()  # Nothing will come any more.

    def _tell_all(self) -> None:
        # What was sent while nobody listened is not known.
        for ear in self._ears:
            ear.hear([Notice(kind=kind) for kind in sorted(ear.kinds)])


async def listen(line: Line, names: Iterable[str]) -> None:
    """Listen to channels; their names are plain identifiers, see `Address`."""
    async with asyncio.timeout(ANSWER_SECONDS):
        for name in names:
            await line.execute(f"LISTEN {name}".encode())
