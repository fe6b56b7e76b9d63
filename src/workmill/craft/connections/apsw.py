"""Connections of apsw."""

from typing import Literal, TypeVar, cast

from apsw import Connection, Cursor

from workmill.craft.connections.contract import BlockingConnection, ended_already, open_already
from workmill.craft.connections.holding import Rows, hold_blocking, with_question_marks
from workmill.craft.connections.sqlite_transaction import one_transaction
from workmill.words.conversation import Conversation, Statement

T = TypeVar("T")


class ApswConnection(BlockingConnection):
    """An `apsw.Connection`; it commits by itself until somebody says BEGIN."""

    def __init__(self, connection: object) -> None:
        self._connection = cast("Connection", connection)
        self._has_begun = False

    @property
    def kind(self) -> Literal["apsw"]:
        """See `BlockingConnection.kind`."""
        return "apsw"

    def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._has_begun and not self._is_open():
            raise ended_already(self._connection)
        with one_transaction(self._run, is_open=self._is_open, commits=True):
            return hold_blocking(conversation, self._run)

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        if self._is_open():
            raise open_already(self._connection)
        self._run(Statement("BEGIN IMMEDIATE"))
        self._has_begun = True

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._has_begun = False
        if self._is_open():
            self._run(Statement("COMMIT"))

    def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        self._has_begun = False
        if self._is_open():
            self._run(Statement("ROLLBACK"))

    def _is_open(self) -> bool:
        return self._connection.in_transaction

    def _run(self, statement: Statement) -> Rows:
        # A cursor of the driver's plain kind that traces nothing: the caller's may give other rows, or refuse.
        cursor = Cursor(self._connection)
        cursor.row_trace = cursor.exec_trace = None
        return list(cursor.execute(with_question_marks(statement.sql), statement.values))
