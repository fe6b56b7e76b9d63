"""Connections of psycopg2."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeVar, cast

from psycopg2 import Error  # type: ignore[import-untyped] # it has no types
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, cursor  # type: ignore[import-untyped] # it has no types

from workmill.craft.connections.contract import BlockingConnection, ended_already, open_already
from workmill.craft.connections.holding import Cursor, Rows, hold_blocking, rows_of
from workmill.words.conversation import Conversation, Statement

T = TypeVar("T")


class Psycopg2Connection(BlockingConnection):
    """A `psycopg2.extensions.connection`."""

    def __init__(self, connection: object) -> None:
        self._connection = cast("_Connection", connection)
        self._has_begun = False

    @property
    def kind(self) -> Literal["postgresql"]:
        """See `BlockingConnection.kind`."""
        return "postgresql"

    def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._has_begun and not self._is_open():
            raise ended_already(self._connection)
        return hold_blocking(conversation, self._run)

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        if not self._connection.autocommit:
            return
        if self._is_open():
            raise open_already(self._connection)
        self._run(Statement("BEGIN"))
        self._has_begun = True

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._has_begun = False
        self._end("COMMIT", self._connection.commit)

    def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        self._has_begun = False
        try:
            self._end("ROLLBACK", self._connection.rollback)
        except Error:
            if not self._connection.closed:
                raise

    def _end(self, sql: str, verb: Callable[[], None]) -> None:
        # On a connection that commits by itself the driver's own verbs do nothing, whatever was begun there.
        if not self._connection.autocommit:
            verb()
        elif self._is_open():
            self._run(Statement(sql))

    def _is_open(self) -> bool:
        idle: int = TRANSACTION_STATUS_IDLE
        return self._connection.get_transaction_status() != idle

    def _run(self, statement: Statement) -> Rows:
        with self._connection.cursor(cursor_factory=cursor) as plain:
            return rows_of(plain, statement.sql, statement)


class _Connection(Protocol):
    autocommit: bool
    closed: int

    def cursor(self, *, cursor_factory: object) -> AbstractContextManager[Cursor]: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def get_transaction_status(self) -> int: ...
