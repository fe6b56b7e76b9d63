"""The connections of one store: few, made when needed, thrown away at the first doubt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection, errors

from workmill.stores.postgres.address import Address
from workmill.stores.postgres.arguments import Values, written
from workmill.stores.postgres.failures import translated
from workmill.stores.postgres.wire import Line, Rows, Wire

MOST_LINES = 4
ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 12.0
MOST_TRIES = 5


class Lines:
    """Up to four connections to the server, each used by one statement at a time.

    Every statement is a transaction of its own. Nothing is kept in a session between two of them, and nothing is
    prepared on the server, so that a pooler may stand in between.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[Wire] = []
        self._room = asyncio.Semaphore(MOST_LINES)

    async def run(self, sql: bytes, values: Values = ()) -> Rows:
        """Run one statement and return its rows.

        A deadlock undoes the whole statement, so that it can be run again.

        Raises:
            AlreadyStored: A row that must be there once is there.
            StoreUnavailable: The server did not answer; what the statement did is unknown.
            StoreError: The server refused it.
        """
        for _ in range(MOST_TRIES - 1):
            try:
                return await self._run(sql, values)
            except (errors.DeadlockDetected, errors.SerializationFailure):
                continue
        try:
            return await self._run(sql, values)
        except (errors.DeadlockDetected, errors.SerializationFailure) as error:
            raise translated(error, self._address.name) from error

    async def _run(self, sql: bytes, values: Values) -> Rows:
        try:
            text, given = written(sql, values)
            async with self._room:
                wire = self._take() or Wire(await connect(self._address))
                try:
                    return await wire.run(text, given, seconds=ANSWER_SECONDS)
                finally:
                    self._put_back(wire)
        except (errors.DeadlockDetected, errors.SerializationFailure):
            raise
        except (psycopg.Error, OSError, TimeoutError, ValueError) as error:
            raise translated(error, self._address.name) from error

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Lend a new connection, which is kept for later if it is idle afterwards."""
        line = await connect(self._address)
        try:
            yield line
        except BaseException:
            await line.close()
            raise
        self._put_back(Wire(line))

    async def close(self) -> None:
        """Close what is idle."""
        self._close_idle()

    def _take(self) -> Wire | None:
        while self._idle:
            wire = self._idle.pop()
            if wire.is_quiet:
                return wire
            wire.close()
        return None

    def _put_back(self, wire: Wire) -> None:
        """Keep a connection. One that is not idle is closed, whatever the reason, and all idle ones too."""
        if wire.is_idle:
            self._idle.append(wire)
        else:
            wire.close()
            self._close_idle()

    def _close_idle(self) -> None:
        idle, self._idle = self._idle, []
        for wire in idle:
            wire.close()


async def connect(address: Address) -> Line:
    """Open a connection.

    Raises:
        psycopg.Error: It is refused.
        TimeoutError: Nobody answers.
    """
    async with asyncio.timeout(CONNECT_SECONDS):
        line: Line = await AsyncConnection.connect(address.conninfo, autocommit=True)
    line.prepare_threshold = None
    return line
