"""Connections of psycopg 3, of both colours, pooled ones among them."""

from typing import Literal, TypeVar, cast

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor, OperationalError
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from workmill.craft.connections.contract import AwaitedConnection, BlockingConnection, open_already
from workmill.craft.connections.holding import Rows, hold_awaited, hold_blocking
from workmill.words.codec import Json
from workmill.words.conversation import Conversation, Statement

T = TypeVar("T")


class PsycopgConnection(BlockingConnection):
    """A `psycopg.Connection`."""

    def __init__(self, connection: object) -> None:
        self._connection = cast("Connection[Json]", connection)

    @property
    def kind(self) -> Literal["postgresql"]:
        """See `BlockingConnection.kind`."""
        return "postgresql"

    def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        return hold_blocking(conversation, self._run)

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        if _must_begin(self._connection):
            self._run(Statement("BEGIN"))

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._connection.commit()

    def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        try:
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

    @property
    def kind(self) -> Literal["postgresql"]:
        """See `BlockingConnection.kind`."""
        return "postgresql"

    async def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        return await hold_awaited(conversation, self._run)

    async def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        if _must_begin(self._connection):
            await self._run(Statement("BEGIN"))

    async def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        await self._connection.commit()

    async def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        try:
            await self._connection.rollback()
        except OperationalError:
            if not self._connection.closed:
                raise

    async def _run(self, statement: Statement) -> Rows:
        async with AsyncCursor(self._connection, row_factory=tuple_row) as cursor:
            await cursor.execute(statement.sql.encode(), statement.values, prepare=False)
            return await cursor.fetchall() if cursor.description else []


def _must_begin(connection: Connection[Json] | AsyncConnection[Json]) -> bool:
    is_idle = connection.info.transaction_status is TransactionStatus.IDLE
    # What counts the blocks is not public; where it is gone, the driver refuses the commit, later but as well.
    is_in_block = getattr(connection, "_num_transactions", 0) > 0
    if is_in_block or (connection.autocommit and not is_idle):
        raise open_already(connection)
    return connection.autocommit
