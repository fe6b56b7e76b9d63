"""Which objects are taken as connections, and what is said to the others."""

import sqlite3
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psycopg.sql
import psycopg_pool
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from workmill.craft.connections import AwaitedConnection, BlockingConnection, connection_of
from workmill.words.errors import InvalidOption

DRIVERS = ["aiosqlite", "apsw", "asyncpg", "django", "psycopg", "psycopg2", "sqlalchemy"]


class Own(sqlite3.Connection):
    """A kind of the caller's own."""


def test_a_connection_of_the_callers_own_kind_is_one_of_its_driver() -> None:
    own = sqlite3.connect(":memory:", factory=Own)

    assert connection_of(own).kind == "sqlite3"
    assert connection_of(SqlalchemySession(sqlalchemy.create_engine("sqlite://"))).kind == "sqlite3"
    own.close()


class SqlalchemySession(Session):
    """Another."""


def test_both_colours_can_be_told_apart() -> None:
    blocking = connection_of(Session(sqlalchemy.create_engine("sqlite://")))
    awaited = connection_of(create_async_engine("sqlite+aiosqlite://").connect())

    assert isinstance(blocking, BlockingConnection)
    assert not isinstance(blocking, AwaitedConnection)
    assert isinstance(awaited, AwaitedConnection)


@pytest.mark.parametrize(
    "other",
    [
        None,
        42,
        "postgresql://me:secret@host/db",
        sqlalchemy.create_engine("sqlite://"),
        create_async_engine("sqlite+aiosqlite://"),
        sessionmaker(),
        psycopg_pool.ConnectionPool("", open=False),
        psycopg.sql.SQL("SELECT 1"),
        SimpleNamespace(execute=None),
    ],
    ids=lambda other: type(other).__name__,
)
def test_what_is_no_connection_is_refused_by_what_it_is(other: object) -> None:
    with pytest.raises(InvalidOption, match="not what makes one: of psycopg, ") as caught:
        connection_of(other)

    assert (caught.value.option, caught.value.value) == ("connection", type(other))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql+mysqldb://", "sqlite+pysqlcipher://"])
def test_sqlalchemy_with_a_database_that_no_store_is_in_is_refused(url: str) -> None:
    dialect, driver = url.removesuffix("://").split("+")
    module: Any = SimpleNamespace(paramstyle="qmark", sqlite_version_info=(3, 40), version_info=(2, 2), __name__=driver)
    engine = sqlalchemy.create_engine(url, module=module)

    with pytest.raises(InvalidOption, match=f"it speaks with {dialect} by {driver}"):
        connection_of(Session(engine))


def test_another_copy_of_sqlite_is_refused() -> None:
    """It would undo the locks of the standard one on the same file."""
    module: Any = SimpleNamespace(paramstyle="qmark", sqlite_version_info=(3, 40), __name__="pysqlite3.dbapi2")

    with pytest.raises(InvalidOption, match="take one to PostgreSQL, or to SQLite by sqlite3"):
        connection_of(Session(sqlalchemy.create_engine("sqlite://", module=module)))


@pytest.mark.usefixtures("place")
def test_a_proxy_of_django_s_that_is_no_connection_is_refused() -> None:
    from django.core.cache import cache  # noqa: PLC0415 - it needs Django's settings

    with pytest.raises(InvalidOption, match="its database is none at all"):
        connection_of(cache)


@pytest.mark.slow
def test_no_driver_is_loaded_for_the_connection_of_another() -> None:
    code = (
        "import sqlite3, sys; from workmill.craft.connections import connection_of; "
        "connection_of(sqlite3.connect(':memory:')); print(*sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True).stdout

    assert [name for name in DRIVERS if name in said.split()] == []
