"""Transactions that another hand is to end, and what commits by itself however it is asked."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction
from sqlalchemy import NullPool, create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.craft.connections.conftest import READ
from tests.craft.connections.test_transactions import saying
from tests.craft.connections.ways import Place, sqlalchemy_url
from workmill.craft.connections import connection_of
from workmill.words.errors import InvalidOption

OPEN = "a transaction is open on it already: leave its block"
pytestmark = [pytest.mark.slow]


@pytest.fixture(params=["psycopg", "pysqlite"])
def url(request: pytest.FixtureRequest, place: Place) -> str:
    return sqlalchemy_url(place, request.param)


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with Session(create_engine(url, poolclass=NullPool)) as session:
        yield session


@pytest.fixture
def committing(url: str) -> Iterator[Session]:
    """Give a session whose connections commit each statement."""
    with Session(create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")) as session:
        yield session


def kept(session: Session) -> list[str]:
    """Tell what others see."""
    with Session(session.get_bind()) as other:
        return [said for (said,) in other.execute(text(READ))]


def begin(connection: object) -> Any:
    return connection_of(connection).begin()


async def test_psycopg_tells_of_its_blocks(place: Place) -> None:
    with (
        psycopg.connect(place.postgres) as connection,
        connection.transaction(),
        pytest.raises(InvalidOption, match=OPEN),
    ):
        begin(connection)
    async with await psycopg.AsyncConnection.connect(place.postgres) as awaited, awaited.transaction():
        with pytest.raises(InvalidOption, match=OPEN):
            await begin(awaited)


def test_sqlalchemy_tells_of_its_blocks(session: Session) -> None:
    with session.begin(), pytest.raises(InvalidOption, match=OPEN):
        begin(session)
    session.begin_nested()
    with pytest.raises(InvalidOption, match=OPEN):
        begin(session)
    session.rollback()
    engine = create_engine(session.get_bind().engine.url, poolclass=NullPool)
    with engine.begin() as connection, pytest.raises(InvalidOption, match=OPEN):
        begin(connection)
    with engine.connect() as connection:
        connection.begin_nested()
        with pytest.raises(InvalidOption, match=OPEN):
            begin(connection)


async def test_sqlalchemy_tells_of_its_awaited_blocks(place: Place) -> None:
    engine = create_async_engine(sqlalchemy_url(place, "asyncpg"), poolclass=NullPool)
    async with AsyncSession(engine) as session, session.begin():
        with pytest.raises(InvalidOption, match=OPEN):
            await begin(session)
    async with engine.begin() as connection:
        with pytest.raises(InvalidOption, match=OPEN):
            await begin(connection)


@pytest.mark.usefixtures("place")
def test_django_tells_of_its_blocks_on_connections_without_autocommit_too() -> None:
    connection = connections["default"]
    try:
        connection.set_autocommit(False)
        with transaction.atomic(), pytest.raises(InvalidOption, match=OPEN):
            begin(connection)
    finally:
        connection.close()


def test_sqlalchemy_on_its_way_to_commit_each_statement_is_no_transaction(committing: Session) -> None:
    with pytest.raises(InvalidOption, match="its isolation level is AUTOCOMMIT"):
        begin(committing)

    assert not committing.in_transaction()


def test_sqlalchemy_that_is_refused_keeps_what_it_had_begun(committing: Session) -> None:
    committing.execute(text(READ))

    with pytest.raises(InvalidOption):
        begin(committing)

    assert committing.in_transaction()


def test_sqlalchemy_that_commits_each_statement_is_taken_at_its_word(committing: Session) -> None:
    connection_of(committing).hold(saying("ours"))  # type: ignore[union-attr]

    assert kept(committing) == ["ours"]


def test_sqlalchemy_that_is_told_to_say_begin_on_sqlite_says_it(place: Place) -> None:
    engine = create_engine(sqlalchemy_url(place, "pysqlite"), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def leave_it_to_me(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def say_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    with engine.connect() as connection, Session(engine) as session:
        for subject in (connection, session):
            connection_of(subject).hold(saying("taken back"))
            subject.rollback()
            begin(subject)
            connection_of(subject).hold(saying("ours"))
            subject.commit()

    assert kept(Session(engine)) == ["ours", "ours"]
