"""Connections of psycopg 3, of both colours, pooled ones among them.

A transaction of our own is a block of the driver's, which lets nobody commit a part of it inside.
"""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Literal, TypeVar, cast

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor, OperationalError, Rollback
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from workmill.craft.connections.contract import AwaitedConnection, BlockingConnection, ended_already, open_already
from workmill.craft.connections.holding import Rows, hold_awaited, hold_blocking
from workmill.words.codec import Json
from workmill.words.conversation import Conversation, Statement

T = TypeVar("T")


class PsycopgConnection(BlockingConnection):
    """A `psycopg.Connection`."""

    def __init__(self, connection: object) -> None:
        self._connection = cast("Connection[Json]", connection)
        self._block: AbstractContextManager[object] | None = None

    @property
    def kind(self) -> Literal["postgresql"]:
        """See `BlockingConnection.kind`."""
        return "postgresql"

    def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._block is not None and _is_idle(self._connection):
            raise ended_already(self._connection)
        return hold_blocking(conversation, self._run)

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        _refuse_what_another_ends(self._connection)
        block = self._connection.transaction()
        block.__enter__()
        self._block = block

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        block, self._block = self._block, None
        if block is not None:
            block.__exit__(None, None, None)
        self._connection.commit()  # what was open before the block, which was then a savepoint in it

    def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        block, self._block = self._block, None
        try:
            if block is not None:
                block.__exit__(Rollback, Rollback(), None)
            self._connection.rollback()
        except OperationalError:
            if not self._connection.closed:
                raise

    def _run(self, statement: Statement) -> Rows:
        # A cursor of the driver's plain kind: the caller's may take other placeholders and give other rows.
        with Cursor(self._connection, row_factory=tuple_row) as cursor:
            cursor.execute(statement.sql.encode(), statement.values, prepare=False)
            return cursor.fetchall() if cursor.description else []


class AsyncPsycopgConnection(AwaitedConnection):
    """A `psycopg.AsyncConnection`."""

    def __init__(self, connection: object) -> None:
        self._connection = cast("AsyncConnection[Json]", connection)
        self._block: AbstractAsyncContextManager[object] | None = None

    @property
    def kind(self) -> Literal["postgresql"]:
        """See `BlockingConnection.kind`."""
        return "postgresql"

    async def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._block is not None and _is_idle(self._connection):
            raise ended_already(self._connection)
        return await hold_awaited(conversation, self._run)

    async def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        _refuse_what_another_ends(self._connection)
        block = self._connection.transaction()
        await block.__aenter__()
        self._block = block

    async def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        block, self._block = self._block, None
        if block is not None:
            await block.__aexit__(None, None, None)
        await self._connection.commit()  # what was open before the block, which was then a savepoint in it

    async def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        block, self._block = self._block, None
        try:
            if block is not None:
                await block.__aexit__(Rollback, Rollback(), None)
            await self._connection.rollback()
        except OperationalError:
            if not self._connection.closed:
                raise

    async def _run(self, statement: Statement) -> Rows:
        async with AsyncCursor(self._connection, row_factory=tuple_row) as cursor:
            await cursor.execute(statement.sql.encode(), statement.values, prepare=False)
            return await cursor.fetchall() if cursor.description else []


def _refuse_what_another_ends(connection: Connection[Json] | AsyncConnection[Json]) -> None:
    # What counts the blocks is not public; where it is gone, the driver refuses the commit, later but as well.
    is_in_block = getattr(connection, "_num_transactions", 0) > 0
    if is_in_block or (connection.autocommit and not _is_idle(connection)):
        raise open_already(connection)


def _is_idle(connection: Connection[Json] | AsyncConnection[Json]) -> bool:
    return connection.info.transaction_status is TransactionStatus.IDLE
