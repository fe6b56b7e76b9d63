"""The connections of one store: few, made when needed, thrown away at the first doubt."""

import asyncio
import select
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection, errors

from workmill.stores.postgres.address import Address
from workmill.stores.postgres.failures import translated
from workmill.words.codec import Json

Line: TypeAlias = AsyncConnection[tuple[Json, ...]]
Rows: TypeAlias = list[tuple[Json, ...]]
Values: TypeAlias = Sequence[object] | dict[str, object]

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
        self._idle: list[Line] = []
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
            async with self.line() as line, asyncio.timeout(ANSWER_SECONDS):
                return await self._answer(line, sql, values)
        except (errors.DeadlockDetected, errors.SerializationFailure):
            raise
        except (psycopg.Error, OSError, TimeoutError, ValueError) as error:
            raise translated(error, self._address.name) from error

    async def _answer(self, line: Line, sql: bytes, values: Values) -> Rows:
        try:
            cursor = await line.execute(sql, values, prepare=False)
            return await cursor.fetchall() if cursor.description else []
        except errors.ReadOnlySqlTransaction:
            # Another server is the primary now: who connects anew may find it.
            await line.close()
            raise

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Lend a connection. One that is not idle afterwards, whatever the reason, is closed, and all idle ones too."""
        async with self._room:
            line = self._take() or await connect(self._address)
            try:
                yield line
            finally:
                if is_idle(line):
                    self._idle.append(line)
                else:
                    await line.close()
                    await self.close()

    async def close(self) -> None:
        """Close what is idle."""
        idle, self._idle = self._idle, []
        for line in idle:
            await line.close()

    def _take(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if is_quiet(line):
                return line
            line.pgconn.finish()
        return None


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


def is_idle(line: Line) -> bool:
    """Whether a connection can take the next statement."""
    return not line.closed and line.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


def is_quiet(line: Line) -> bool:
    """Whether nothing has come on an idle connection: a server that ended has said so, or hung up."""
    if not is_idle(line):
        return False
    poll = select.poll()
    poll.register(line.pgconn.socket, select.POLLIN)
    return not poll.poll(0)
