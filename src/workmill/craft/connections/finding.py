"""From an object of the caller's to the connection it is, by the names of its classes."""

from workmill.craft.connections.contract import AwaitedConnection, BlockingConnection
from workmill.words.errors import InvalidOption

TAKEN = (
    "give an open connection or session, not what makes one: of psycopg, psycopg2, asyncpg, SQLAlchemy, Django, "
    "sqlite3 or apsw"
)


def connection_of(connection: object) -> BlockingConnection | AwaitedConnection:
    """Return what speaks with a driver's connection, or one that inherits from it; nothing is sent yet.

    Raises:
        InvalidOption: It is no connection of a driver known here, or one to a database that no store is in.
    """
    for ancestor in type(connection).__mro__:
        found = _spoken_with(f"{ancestor.__module__}.{ancestor.__qualname__}", connection)
        if found is not None:
            return found
    # Its type alone: a URL given by mistake would show its password.
    raise InvalidOption("connection", type(connection), TAKEN)


def _spoken_with(name: str, connection: object) -> BlockingConnection | AwaitedConnection | None:
    match name.partition(".")[0]:
        case "psycopg" | "psycopg2" | "asyncpg":
            return _postgres(name, connection)
        case "sqlalchemy":
            return _sqlalchemy(name, connection)
        case "sqlite3" | "apsw" | "django":
            return _sqlite_or_django(name, connection)
    return None


# What speaks with a driver is loaded when one of its connections is given.
# ruff: noqa: PLC0415


def _postgres(name: str, connection: object) -> BlockingConnection | AwaitedConnection | None:
    match name:
        case "psycopg.Connection":
            from workmill.craft.connections.psycopg import PsycopgConnection

            return PsycopgConnection(connection)
        case "psycopg.AsyncConnection":
            from workmill.craft.connections.psycopg import AsyncPsycopgConnection

            return AsyncPsycopgConnection(connection)
        case "psycopg2.extensions.connection":
            from workmill.craft.connections.psycopg2 import Psycopg2Connection

            return Psycopg2Connection(connection)
        case "asyncpg.connection.Connection" | "asyncpg.pool.PoolConnectionProxy":
            from workmill.craft.connections.asyncpg import AsyncpgConnection

            return AsyncpgConnection(connection)
    return None


def _sqlalchemy(name: str, connection: object) -> BlockingConnection | AwaitedConnection | None:
    match name:
        case "sqlalchemy.engine.base.Connection" | "sqlalchemy.orm.session.Session":
            from workmill.craft.connections.sqlalchemy import SqlalchemyConnection

            return SqlalchemyConnection(connection)
        case "sqlalchemy.ext.asyncio.engine.AsyncConnection" | "sqlalchemy.ext.asyncio.session.AsyncSession":
            from workmill.craft.connections.sqlalchemy import AsyncSqlalchemyConnection

            return AsyncSqlalchemyConnection(connection)
        case "sqlalchemy.orm.scoping.scoped_session" | "sqlalchemy.ext.asyncio.scoping.async_scoped_session":
            from workmill.craft.connections.sqlalchemy import session_of

            return connection_of(session_of(connection))
    return None


def _sqlite_or_django(name: str, connection: object) -> BlockingConnection | None:
    match name:
        case "sqlite3.Connection":
            from workmill.craft.connections.sqlite3 import Sqlite3Connection

            return Sqlite3Connection(connection)
        case "apsw.Connection":
            from workmill.craft.connections.apsw import ApswConnection

            return ApswConnection(connection)
        case "django.utils.connection.ConnectionProxy" | "django.db.backends.base.base.BaseDatabaseWrapper":
            from workmill.craft.connections.django import DjangoConnection

            return DjangoConnection(connection)
    return None
