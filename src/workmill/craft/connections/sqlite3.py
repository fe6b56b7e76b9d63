"""Connections of the standard library's `sqlite3`."""

from sqlite3 import Connection, Cursor
from typing import Literal, TypeVar, cast

from workmill.craft.connections.contract import BlockingConnection, ended_already, open_already
from workmill.craft.connections.holding import Rows, hold_blocking, rows_of, with_question_marks
from workmill.craft.connections.sqlite_transaction import commits_by_itself, one_transaction
from workmill.words.conversation import Conversation, Statement

T = TypeVar("T")


class Sqlite3Connection(BlockingConnection):
    """A `sqlite3.Connection`, whichever way its transactions are controlled."""

    def __init__(self, connection: object) -> None:
        self._connection = cast("Connection", connection)
        self._has_begun = False

    @property
    def kind(self) -> Literal["sqlite3"]:
        """See `BlockingConnection.kind`."""
        return "sqlite3"

    def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._has_begun and not self._is_open():
            raise ended_already(self._connection)
        with one_transaction(self._run, is_open=self._is_open, commits=commits_by_itself(self._connection)):
            return hold_blocking(conversation, self._run)

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        if not commits_by_itself(self._connection):
            return
        if self._is_open():
            raise open_already(self._connection)
        self._run(Statement("BEGIN IMMEDIATE"))
        self._has_begun = True

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._has_begun = False
        if not commits_by_itself(self._connection):
            self._connection.commit()
        elif self._is_open():
            self._run(Statement("COMMIT"))

    def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        self._has_begun = False
        if not commits_by_itself(self._connection):
            self._connection.rollback()
        elif self._is_open():
            self._run(Statement("ROLLBACK"))

    def _is_open(self) -> bool:
        return self._connection.in_transaction

    def _run(self, statement: Statement) -> Rows:
        # A cursor of the driver's plain kind, rows as tuples and text as text: the caller's may be otherwise.
        cursor = Cursor(self._connection)
        cursor.row_factory = None
        theirs, self._connection.text_factory = self._connection.text_factory, str
        try:
            return rows_of(cursor, with_question_marks(statement.sql), statement)
        finally:
            self._connection.text_factory = theirs
            cursor.close()
