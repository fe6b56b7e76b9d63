"""SQLAlchemy's sessions and connections, of both colours.

What is awaited is done by the blocking one, where SQLAlchemy lets blocking code await: in its `run_sync`. The driver
is never spoken to behind SQLAlchemy's back, which begins, commits and remembers by itself.
"""

from typing import TypeAlias, TypeVar, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from workmill.craft.connections.contract import AwaitedConnection, BlockingConnection, Kind, ended_already, open_already
from workmill.craft.connections.holding import Rows, hold_blocking, with_numbers, with_question_marks
from workmill.craft.connections.sqlite_transaction import Openness, commits_by_itself, one_transaction
from workmill.words.conversation import Conversation, Statement
from workmill.words.errors import InvalidOption

Blocking: TypeAlias = Session | Connection
Awaited: TypeAlias = AsyncSession | AsyncConnection
T = TypeVar("T")


class SqlalchemyConnection(BlockingConnection):
    """A SQLAlchemy `Session` or `Connection`.

    Raises:
        InvalidOption: It is bound to a database, or a driver, that no store can join.
    """

    def __init__(self, connection: object) -> None:
        self._subject = cast("Blocking", connection)
        subject = self._subject
        self._dialect = (subject.get_bind() if isinstance(subject, Session) else subject).dialect
        self._kind = _kind_of(self._dialect)
        self._begun_here: object = None

    @property
    def kind(self) -> Kind:
        """See `BlockingConnection.kind`."""
        return self._kind

    def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        if self._begun_here is not None and self._subject.get_transaction() is not self._begun_here:
            raise ended_already(self._subject)
        connection = self._begun()
        if self._kind == "postgresql":
            return hold_blocking(conversation, self._run)
        driver = _sqlite_driver(connection)
        with one_transaction(self._run, is_open=lambda: driver.in_transaction, commits=commits_by_itself(driver)):
            return hold_blocking(conversation, self._run)

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        # Which block it is in is not public; where this is gone, SQLAlchemy complains when that block goes on.
        if self._subject.in_nested_transaction() or getattr(self._subject, "_trans_context_manager", None) is not None:
            raise open_already(self._subject)
        was_open = self._subject.in_transaction()
        if not was_open:
            self._subject.begin()
        if self._commits_by_itself():
            if not was_open:
                self._subject.rollback()
            remedy = (
                "its isolation level is AUTOCOMMIT, so that nothing can be committed at once: take one with another"
            )
            raise InvalidOption("connection", type(self._subject), remedy)
        self._begun_here = self._subject.get_transaction()

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._begun_here = None
        self._subject.commit()

    def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        self._begun_here = None
        try:
            self._subject.rollback()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise

    def _begun(self) -> Connection:
        connection = self._subject.connection() if isinstance(self._subject, Session) else self._subject
        # What its user does at the beginning of a transaction, such as to say BEGIN, must not come after our own.
        if not connection.in_transaction():
            connection.begin()
        return connection

    def _commits_by_itself(self) -> bool:
        connection = self._begun()
        if self._kind == "postgresql":
            return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))
        driver = _sqlite_driver(connection)
        return commits_by_itself(driver) and not driver.in_transaction

    def _run(self, statement: Statement) -> Rows:
        result = self._begun().exec_driver_sql(_text_for(self._dialect, statement.sql), statement.values)
        return [tuple(row) for row in result] if result.returns_rows else []


class AsyncSqlalchemyConnection(AwaitedConnection):
    """A SQLAlchemy `AsyncSession` or `AsyncConnection`.

    Raises:
        InvalidOption: It is bound to a database, or a driver, that no store can join.
    """

    def __init__(self, connection: object) -> None:
        self._subject = cast("Awaited", connection)
        subject = self._subject
        bind = subject.get_bind() if isinstance(subject, AsyncSession) else subject.sync_engine
        self._kind = _kind_of(bind.dialect)
        self._blocking: SqlalchemyConnection | None = None

    @property
    def kind(self) -> Kind:
        """See `BlockingConnection.kind`."""
        return self._kind

    async def hold(self, conversation: Conversation[T]) -> T:
        """See `BlockingConnection.hold`."""
        return await self._subject.run_sync(lambda subject: self._within(subject).hold(conversation))

    async def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        await self._subject.run_sync(lambda subject: self._within(subject).begin())

    async def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        await self._subject.run_sync(lambda subject: self._within(subject).commit())

    async def roll_back(self) -> None:
        """See `BlockingConnection.roll_back`."""
        await self._subject.run_sync(lambda subject: self._within(subject).roll_back())

    def _within(self, subject: Blocking) -> SqlalchemyConnection:
        if self._blocking is None:
            self._blocking = SqlalchemyConnection(subject)
        return self._blocking


def session_of(scoped: object) -> Session | AsyncSession:
    """Return the session that a scoped session stands for here and now."""
    return cast("scoped_session[Session] | async_scoped_session[AsyncSession]", scoped)()


def _kind_of(dialect: Dialect) -> Kind:
    if dialect.name == "postgresql":
        return "postgresql"
    # Its driver may be another copy of SQLite, and two in one process undo each other's locks.
    is_standard = getattr(dialect.loaded_dbapi, "__name__", "").partition(".")[0] == "sqlite3"
    if dialect.name == "sqlite" and (dialect.driver == "aiosqlite" or is_standard):
        return "sqlite3"
    remedy = f"it speaks with {dialect.name} by {dialect.driver}; take one to PostgreSQL, or to SQLite by sqlite3"
    raise InvalidOption("connection", type(dialect), remedy)


def _text_for(dialect: Dialect, sql: str) -> str:
    if dialect.name == "sqlite":
        return with_question_marks(sql)
    return with_numbers(sql) if dialect.driver == "asyncpg" else sql


def _sqlite_driver(connection: Connection) -> Openness:
    return cast("Openness", connection.connection.driver_connection)
