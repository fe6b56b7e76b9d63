"""Connections that are no more."""

from contextlib import closing
from typing import Any

import psycopg
import psycopg2
import pytest
from django.db import connections, transaction
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

from tests.craft.connections.test_transactions import spoken
from tests.craft.connections.ways import WAYS, Caller, Place, done, sqlalchemy_url
from workmill.craft.connections import BlockingConnection, connection_of
from workmill.words.conversation import Conversation, Statement

pytestmark = [pytest.mark.slow]
ON_POSTGRES = pytest.mark.parametrize(
    "way", [way for way in WAYS if way.kind == "postgresql"], ids=lambda way: way.name, indirect=True
)


def asking_who() -> Conversation[int]:
    [[number]] = yield Statement("SELECT pg_backend_pid()")
    return int(number)


def end(place: Place, session: int) -> None:
    with psycopg.connect(place.postgres) as connection:
        [ended] = connection.execute("SELECT pg_terminate_backend(%s, 10000)", (session,))
        assert ended == (True,)


@ON_POSTGRES
async def test_a_session_that_was_ended_can_be_rolled_back(caller: Caller, place: Place) -> None:
    found = spoken(caller)
    await done(found.begin())
    end(place, await done(found.hold(asking_who())))

    with pytest.raises(Exception, match=r"terminat|clos|reset"):
        await done(found.hold(asking_who()))
    await done(found.roll_back())


@ON_POSTGRES
async def test_a_session_that_was_ended_unnoticed_can_be_rolled_back(caller: Caller, place: Place) -> None:
    found = spoken(caller)
    await done(found.begin())
    end(place, await done(found.hold(asking_who())))

    await done(found.roll_back())


async def test_psycopg_that_is_busy_and_lives_says_that_nothing_was_rolled_back(place: Place) -> None:
    with psycopg.connect(place.postgres) as connection:
        connection.pgconn.send_query(b"SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="in progress"):
            await done(connection_of(connection).roll_back())
        connection.close()
    async with await psycopg.AsyncConnection.connect(place.postgres) as awaited:
        awaited.pgconn.send_query(b"SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="in progress"):
            await done(connection_of(awaited).roll_back())
        await awaited.close()


def test_sqlalchemy_that_lives_says_that_nothing_was_rolled_back(place: Place) -> None:
    with create_engine(sqlalchemy_url(place, "psycopg"), poolclass=NullPool).connect() as connection:
        connection.begin()
        driver: Any = connection.connection.driver_connection
        driver.pgconn.send_query(b"SELECT 1")
        with pytest.raises(OperationalError, match="in progress"):
            spoken_with(connection).roll_back()
        connection.invalidate()


def test_psycopg2_that_lives_says_that_nothing_was_rolled_back(place: Place) -> None:
    with closing(psycopg2.connect(place.postgres)) as connection:
        connection.tpc_begin("of another hand")
        with pytest.raises(psycopg2.ProgrammingError, match="two-phase"):
            spoken_with(connection).roll_back()


@pytest.mark.usefixtures("place")
def test_django_that_lives_says_that_nothing_was_rolled_back() -> None:
    with closing(connections["postgres"]) as connection:
        connection.set_autocommit(False)
        with transaction.atomic(using="postgres"), pytest.raises(transaction.TransactionManagementError):
            spoken_with(connection).roll_back()


def spoken_with(connection: object) -> BlockingConnection:
    found = connection_of(connection)
    assert isinstance(found, BlockingConnection)
    return found
