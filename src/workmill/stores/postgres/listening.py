"""The listening side: one connection for all ears of a store, probed, and made again when it is gone."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterable

import psycopg

from workmill.store import NoticeKind
from workmill.stores import hearing
from workmill.stores.hearing import ANSWER_SECONDS, KINDS, PROBE_SECONDS
from workmill.stores.postgres.address import Address
from workmill.stores.postgres.lines import Lines, connect
from workmill.stores.postgres.statements import statements
from workmill.stores.postgres.wake import channel, read
from workmill.stores.postgres.wire import Line


class Post(hearing.Post):
    """The ears of a store on PostgreSQL."""

    def __init__(self, address: Address, lines: Lines) -> None:
        super().__init__(psycopg.Error)
        self._address = address
        self._lines = lines
        self._line: Line | None = None
        self._listened: set[NoticeKind] = set()
        self._probe = f"{address.schema}_{secrets.token_hex(8)}"
        self._probed = asyncio.Event()
        self._ended = asyncio.Event()

    async def _listen(self) -> None:
        line = await connect(self._address)
        socket = line.pgconn.socket
        line.add_notify_handler(lambda notice: self._take(notice.channel, notice.payload))
        self._ended.clear()
        self._listened = self._kinds
        try:
            await listen(line, [self._probe, *self._channels(self._listened)])
            self._watch(line)
            self._line = line
            self._begin()
            await self._probe_while_it_answers()
        finally:
            self._line = None
            if not self._ended.is_set():
                asyncio.get_running_loop().remove_reader(socket)
            await line.close()

    async def _widen(self) -> None:
        line, kinds = self._line, self._kinds - self._listened
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
            self._tell(read(kind, payload))

    def _end(self) -> None:
        self._ended.set()
        self._probed.set()  # Nothing will come any more.


async def listen(line: Line, names: Iterable[str]) -> None:
    """Listen to channels; their names are plain identifiers, see `Address`."""
    async with asyncio.timeout(ANSWER_SECONDS):
        for name in names:
            await line.execute(f"LISTEN {name}".encode())
