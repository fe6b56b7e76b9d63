"""Django's connections, over PostgreSQL and SQLite."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, cast

from django.db import Error, transaction  # type: ignore[import-untyped] # it has no types

from workmill.craft.connections.contract import BlockingConnection, Kind, open_already
from workmill.craft.connections.holding import Cursor, Rows, hold_blocking, rows_of
from workmill.craft.connections.sqlite_transaction import Openness, commits_by_itself, one_transaction
from workmill.words.conversation import Conversation, Statement
from workmill.words.errors import InvalidOption

KINDS: Mapping[str, Kind] = {"postgresql": "postgresql", "sqlite": "sqlite3"}
"""What is joined, by the backend's vendor."""

T = TypeVar("T")


class DjangoConnection(BlockingConnection):
    """Django's `connection`, or one of its `connections`.

    Raises:
        InvalidOption: It is one to a database that no store can join.
    """

    def __init__(self, connection: object) -> None:
        vendor = getattr(connection, "vendor", "none at all")  # Django's caches have proxies of the same kind
        if vendor not in KINDS:
            remedy = f"its database is {vendor}; take one of Django's connections to PostgreSQL or SQLite"
            raise InvalidOption("connection", type(connection), remedy)
        self._connection = cast("_Connection", connection)
        self._kind = KINDS[vendor]
        self._block: AbstractContextManager[None] | None = None

    @property
    def kind(self) -> Kind:
        """See `BlockingConnection.kind`."""
        return self._kind

    def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._kind == "postgresql":
            return hold_blocking(conversation, self._run)
        self._connection.ensure_connection()
        driver = self._connection.connection
        with one_transaction(self._run, is_open=lambda: driver.in_transaction, commits=commits_by_itself(driver)):
            return hold_blocking(conversation, self._run)

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        if self._connection.in_atomic_block:
            raise open_already(self._connection)
        if self._connection.get_autocommit():
            block: AbstractContextManager[None] = transaction.atomic(using=self._connection.alias)
            block.__enter__()
            self._block = block

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        block, self._block = self._block, None
        if block is None:
            self._connection.commit()
        else:
            block.__exit__(None, None, None)

    def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        block, self._block = self._block, None
        if block is not None:
            self._connection.set_rollback(True)
            block.__exit__(None, None, None)
        elif not self._connection.get_autocommit():
            self._roll_back_what_lives()

    def _roll_back_what_lives(self) -> None:
        try:
            self._connection.rollback()
        except Error:
            if self._connection.is_usable():
                raise
            self._connection.close()

    def _run(self, statement: Statement) -> Rows:
        with self._connection.cursor() as cursor:
            return rows_of(cursor, statement.sql, statement)


class _Connection(Protocol):
    alias: str
    connection: Openness
    in_atomic_block: bool

    def ensure_connection(self) -> None: ...
    def get_autocommit(self) -> bool: ...
    def set_rollback(self, rollback: bool, /) -> None: ...  # noqa: FBT001 - Django's own
    def cursor(self) -> AbstractContextManager[Cursor]: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def is_usable(self) -> bool: ...
    def close(self) -> None: ...
