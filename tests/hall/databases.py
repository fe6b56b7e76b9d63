"""A database that holds the jobs and a table of the caller's own, and connections to it."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where the jobs are, and the caller's rows.

    Attributes:
        url: The store's URL.
        own_url: What SQLAlchemy takes, for the same database.
        table: The caller's table, of one column of text.
        connect: Opens a connection, whose transactions begin with a statement and end with `commit` or `rollback`.
    """

    url: str
    own_url: str
    table: str
    connect: Callable[[], Any]

    def write(self, connection: Any, word: str) -> None:
        """Store a row of the caller's."""
        connection.execute(f"INSERT INTO {self.table} VALUES ('{word}')")

    def words(self) -> list[str]:
        """Return the rows that others see."""
        with closing(self.connect()) as connection:
            rows = connection.execute(f"SELECT word FROM {self.table} ORDER BY word").fetchall()
        return [word for (word,) in rows]


@contextmanager
def on_sqlite(folder: Path) -> Iterator[Database]:
    """Make a database of a file, for connections of Python's own `sqlite3`."""
    path = folder / "jobs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE word (word text)")

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=10, check_same_thread=False)

    yield Database(url=f"sqlite:///{path}?driver=sqlite3", own_url=f"sqlite:///{path}", table="word", connect=connect)


@contextmanager
def on_postgres(server: str) -> Iterator[Database]:
    """Make two schemas on a server, one for the jobs and one for the caller."""
    jobs = f"test_{secrets.token_hex(6)}"
    own = f"{jobs}_own"
    _execute(server, f"CREATE SCHEMA {own}; CREATE TABLE {own}.word (word text)")
    try:
        yield Database(
            url=f"{server}?schema={jobs}",
            own_url=server.replace("postgresql", "postgresql+psycopg", 1),
            table=f"{own}.word",
            connect=lambda: psycopg.connect(server),
        )
    finally:
        _execute(server, f"SET lock_timeout = '10s'; DROP SCHEMA IF EXISTS {jobs}, {own} CASCADE")


def _execute(server: str, sql: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql)
