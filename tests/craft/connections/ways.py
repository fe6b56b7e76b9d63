"""The ways to have a transaction: every driver, in every manner of use that makes a difference."""

import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any

import apsw
import asyncpg
import psycopg
import psycopg2
import psycopg2.extras
import psycopg_pool
from django.db import connections, transaction
from psycopg.rows import dict_row
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

Act = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A connection as its owner uses it. The verbs may have to be awaited: `done` does what they need.

    Attributes:
        begin: None where the driver begins by itself.
    """

    connection: object
    execute: Callable[[str], object]
    commit: Act
    roll_back: Act
    begin: Act | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the databases of a test are."""

    postgres: str
    file: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have a transaction.

    Attributes:
        commits: Whether each statement is committed until somebody says BEGIN.
    """

    name: str
    kind: str
    open: Callable[[Place], AbstractAsyncContextManager[Caller]]
    commits: bool = False


async def done(what: object) -> Any:
    """Return what came of it, awaited where that is needed."""
    return await what if isawaitable(what) else what


def by_statements(connection: object, execute: Callable[[str], object]) -> Caller:
    """Return the caller who says BEGIN, COMMIT and ROLLBACK himself."""
    return Caller(
        connection=connection,
        execute=execute,
        begin=partial(execute, "BEGIN"),
        commit=partial(execute, "COMMIT"),
        roll_back=partial(execute, "ROLLBACK"),
    )


def by_verbs(connection: Any, execute: Callable[[str], object]) -> Caller:
    """Return the caller whose driver begins, and who says `commit` and `rollback`."""
    return Caller(connection=connection, execute=execute, commit=connection.commit, roll_back=connection.rollback)


@asynccontextmanager
async def psycopg_(place: Place, **options: Any) -> AsyncIterator[Caller]:
    with psycopg.connect(place.postgres, **options) as connection:
        by = by_statements if connection.autocommit else by_verbs
        yield by(connection, lambda sql: psycopg.ClientCursor(connection).execute(sql))


@asynccontextmanager
async def psycopg_pooled(place: Place) -> AsyncIterator[Caller]:
    pool = psycopg_pool.ConnectionPool(place.postgres, min_size=1, open=False)
    with pool, pool.connection() as connection:
        yield by_verbs(connection, connection.execute)


@asynccontextmanager
async def psycopg_awaited(place: Place, **options: Any) -> AsyncIterator[Caller]:
    async with await psycopg.AsyncConnection.connect(place.postgres, **options) as connection:
        by = by_statements if connection.autocommit else by_verbs
        yield by(connection, lambda sql: psycopg.AsyncClientCursor(connection).execute(sql))


@asynccontextmanager
async def psycopg2_(place: Place, *, autocommit: bool = False, **options: Any) -> AsyncIterator[Caller]:
    connection = psycopg2.connect(place.postgres, **options)
    connection.autocommit = autocommit
    by = by_statements if autocommit else by_verbs
    try:
        yield by(connection, connection.cursor().execute)
    finally:
        connection.close()


class Shouting(asyncpg.Record):  # type: ignore[misc] # it has no types
    """A record of the caller's own, from which nobody else can read."""

    def __getitem__(self, key: object) -> object:
        raise AssertionError(key)

    __iter__ = __getitem__


@asynccontextmanager
async def asyncpg_(place: Place, **options: Any) -> AsyncIterator[Caller]:
    connection = await asyncpg.connect(place.postgres, **options)
    try:
        yield by_statements(connection, connection.execute)
    finally:
        await connection.close()


@asynccontextmanager
async def asyncpg_pooled(place: Place) -> AsyncIterator[Caller]:
    async with (
        asyncpg.create_pool(place.postgres, min_size=1, max_size=1) as pool,
        pool.acquire() as connection,
    ):
        yield by_statements(connection, connection.execute)


def sqlalchemy_url(place: Place, driver: str) -> str:
    """Return where a database is, in SQLAlchemy's words."""
    if driver.endswith("sqlite"):
        return f"sqlite+{driver}:///{place.file}"
    return place.postgres.replace("postgresql:", f"postgresql+{driver}:")


@asynccontextmanager
async def sqlalchemy_session(place: Place, driver: str, *, scoped: bool = False) -> AsyncIterator[Caller]:
    engine = create_engine(sqlalchemy_url(place, driver), poolclass=NullPool)
    with Session(engine) as session:
        given = scoped_session(sessionmaker(engine)) if scoped else session
        with closing(given):
            yield by_verbs(given, lambda sql: given.execute(text(sql)))


@asynccontextmanager
async def sqlalchemy_connection(place: Place, driver: str) -> AsyncIterator[Caller]:
    with create_engine(sqlalchemy_url(place, driver), poolclass=NullPool).connect() as connection:
        yield by_verbs(connection, lambda sql: connection.execute(text(sql)))


@asynccontextmanager
async def sqlalchemy_async_session(place: Place, driver: str, *, scoped: bool = False) -> AsyncIterator[Caller]:
    engine = create_async_engine(sqlalchemy_url(place, driver), poolclass=NullPool)
    maker = async_sessionmaker(engine)
    given: Any = async_scoped_session(maker, scopefunc=lambda: None) if scoped else AsyncSession(engine)
    try:
        yield by_verbs(given, lambda sql: given.execute(text(sql)))
    finally:
        await given.close()


@asynccontextmanager
async def sqlalchemy_async_connection(place: Place, driver: str) -> AsyncIterator[Caller]:
    async with create_async_engine(sqlalchemy_url(place, driver), poolclass=NullPool).connect() as connection:
        yield by_verbs(connection, lambda sql: connection.execute(text(sql)))


@asynccontextmanager
async def django_(_place: Place, alias: str) -> AsyncIterator[Caller]:
    connection = connections[alias]
    blocks: list[Any] = []

    def begin() -> None:
        blocks.append(transaction.atomic(using=alias))
        blocks[-1].__enter__()

    def end(*, by_rolling_back: bool = False) -> None:
        transaction.set_rollback(by_rolling_back, using=alias)
        blocks.pop().__exit__(None, None, None)

    def execute(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    roll_back = partial(end, by_rolling_back=True)
    try:
        yield Caller(connection=connection, execute=execute, begin=begin, commit=end, roll_back=roll_back)
    finally:
        connection.close()


@asynccontextmanager
async def django_without_autocommit(_place: Place, alias: str) -> AsyncIterator[Caller]:
    connection = connections[alias]
    connection.set_autocommit(False)
    try:
        yield by_verbs(connection, lambda sql: connection.cursor().execute(sql))
    finally:
        connection.close()


@asynccontextmanager
async def sqlite3_(place: Place, *, in_bytes: bool = False, **options: Any) -> AsyncIterator[Caller]:
    connection = sqlite3.connect(place.file, **options)
    if in_bytes:
        connection.text_factory = bytes
        connection.row_factory = sqlite3.Row
    by = by_verbs
    if connection.isolation_level is None or options.get("autocommit") is True:
        by = by_statements
    try:
        yield by(connection, connection.execute)
    finally:
        connection.close()


@asynccontextmanager
async def apsw_(place: Place, *, traced: bool = False) -> AsyncIterator[Caller]:
    connection = apsw.Connection(place.file)
    if traced:
        connection.row_trace = lambda _cursor, _row: ("another row",)
        connection.exec_trace = lambda _cursor, sql, _values: "RETURNING" not in sql
    try:
        yield by_statements(connection, connection.execute)
    finally:
        connection.close()


POSTGRES = [
    Way("psycopg", "postgresql", psycopg_),
    Way("psycopg autocommit", "postgresql", partial(psycopg_, autocommit=True), commits=True),
    Way("psycopg dicts", "postgresql", partial(psycopg_, row_factory=dict_row, cursor_factory=psycopg.RawCursor)),
    Way("psycopg pool", "postgresql", psycopg_pooled),
    Way("psycopg awaited", "postgresql", psycopg_awaited),
    Way("psycopg awaited autocommit", "postgresql", partial(psycopg_awaited, autocommit=True), commits=True),
    Way(
        "psycopg awaited dicts",
        "postgresql",
        partial(psycopg_awaited, row_factory=dict_row, cursor_factory=psycopg.AsyncRawCursor),
    ),
    Way("psycopg2", "postgresql", psycopg2_),
    Way("psycopg2 autocommit", "postgresql", partial(psycopg2_, autocommit=True), commits=True),
    Way("psycopg2 dicts", "postgresql", partial(psycopg2_, cursor_factory=psycopg2.extras.RealDictCursor)),
    Way("asyncpg", "postgresql", asyncpg_, commits=True),
    Way("asyncpg records", "postgresql", partial(asyncpg_, record_class=Shouting), commits=True),
    Way("asyncpg pool", "postgresql", asyncpg_pooled, commits=True),
    Way("django on PostgreSQL", "postgresql", partial(django_, alias="postgres"), commits=True),
    Way("django on PostgreSQL without autocommit", "postgresql", partial(django_without_autocommit, alias="postgres")),
]
SQLITE = [
    Way("sqlite3", "sqlite3", sqlite3_),
    Way("sqlite3 immediate", "sqlite3", partial(sqlite3_, isolation_level="IMMEDIATE")),
    Way("sqlite3 bytes", "sqlite3", partial(sqlite3_, in_bytes=True)),
    Way("sqlite3 by statements", "sqlite3", partial(sqlite3_, isolation_level=None), commits=True),
    Way("django on SQLite", "sqlite3", partial(django_, alias="default"), commits=True),
    Way("django on SQLite without autocommit", "sqlite3", partial(django_without_autocommit, alias="default")),
    Way("apsw", "apsw", apsw_, commits=True),
    Way("apsw traced", "apsw", partial(apsw_, traced=True), commits=True),
]
if sys.version_info >= (3, 12):
    SQLITE += [
        Way("sqlite3 autocommit", "sqlite3", partial(sqlite3_, autocommit=True), commits=True),
        Way("sqlite3 without autocommit", "sqlite3", partial(sqlite3_, autocommit=False)),
    ]
SQLALCHEMY = [
    Way(f"sqlalchemy {name} by {driver}", "sqlite3" if driver.endswith("sqlite") else "postgresql", opened)
    for name, opener, drivers in (
        ("session", sqlalchemy_session, ("psycopg", "psycopg2", "pysqlite")),
        ("scoped session", partial(sqlalchemy_session, scoped=True), ("psycopg",)),
        ("connection", sqlalchemy_connection, ("psycopg", "pysqlite")),
        ("async session", sqlalchemy_async_session, ("psycopg", "asyncpg", "aiosqlite")),
        ("async scoped session", partial(sqlalchemy_async_session, scoped=True), ("asyncpg",)),
        ("async connection", sqlalchemy_async_connection, ("asyncpg", "aiosqlite")),
    )
    for driver in drivers
    for opened in [partial(opener, driver=driver)]
]
WAYS = POSTGRES + SQLITE + SQLALCHEMY
COMMITTING = [way for way in WAYS if way.commits]
BEGINNING = [way for way in WAYS if not way.commits]
UNGUARDED = ("psycopg2", "psycopg2 dicts", "sqlite3", "sqlite3 immediate", "sqlite3 bytes")
GUARDED = [way for way in WAYS if way.name not in UNGUARDED and not way.name.endswith("without autocommit")]
"""Where a driver tells that the transaction is another than before."""
