"""Connections of asyncpg, pooled ones among them."""

from contextlib import suppress
from typing import Literal, Protocol, TypeVar, cast

from asyncpg import InterfaceError, PostgresConnectionError, Record  # type: ignore[import-untyped] # it has no types

from workmill.craft.connections.contract import AwaitedConnection, ended_already, open_already
from workmill.craft.connections.holding import Rows, hold_awaited, with_numbers
from workmill.words.conversation import Conversation, Statement

T = TypeVar("T")


class AsyncpgConnection(AwaitedConnection):
    """An `asyncpg.Connection`, or what its pool lends."""

    def __init__(self, connection: object) -> None:
        self._connection = cast("_Connection", connection)
        self._transaction: _Transaction | None = None

    @property
    def kind(self) -> Literal["postgresql"]:
        """See `BlockingConnection.kind`."""
        return "postgresql"

    async def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._transaction is not None and not self._connection.is_in_transaction():
            raise ended_already(self._connection)
        return await hold_awaited(conversation, self._run)

    async def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        if self._connection.is_in_transaction():
            raise open_already(self._connection)
        transaction = self._connection.transaction()
        await transaction.start()
        self._transaction = transaction

    async def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        if self._transaction is not None:
            await self._transaction.commit()
            self._transaction = None

    async def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None and self._is_open():
            with suppress(PostgresConnectionError):
                await transaction.rollback()

    def _is_open(self) -> bool:
        try:
            return not self._connection.is_closed() and self._connection.is_in_transaction()
        except InterfaceError:  # its pool has taken it back, as it does with what is broken
            return False

    async def _run(self, statement: Statement) -> Rows:
        # With the driver's plain records: the caller's may give their values in another way.
        return await self._connection.fetch(with_numbers(statement.sql), *statement.values, record_class=Record)


class _Transaction(Protocol):
    async def start(self) -> None: ...
    async def commit(self) -> None: ...
    async def rollback(self) -> None: ...


class _Connection(Protocol):
    def is_closed(self) -> bool: ...
    def is_in_transaction(self) -> bool: ...
    def transaction(self) -> _Transaction: ...
    async def fetch(self, sql: str, /, *values: str | int | bytes | None, record_class: object) -> Rows: ...
