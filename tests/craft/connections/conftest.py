"""One table, on PostgreSQL and in a file of SQLite's, and who looks at it from outside."""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import django
import psycopg
import pytest
from django.conf import settings

from tests.craft.connections.ways import WAYS, Caller, Place, Way

TABLE = "CREATE TABLE kept (said text NOT NULL, number bigint, raw {bytes}, blank text)"
READ = "SELECT said FROM kept ORDER BY said"
Look = Callable[[], list[str]]


@pytest.fixture(scope="session")
def databases(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give where the databases are, and let Django know them."""
    name = f"ways_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    place = Place(postgres.rpartition("/")[0] + "/" + name, str(tmp_path_factory.mktemp("ways") / "ways.db"))
    parts = urlsplit(place.postgres)
    settings.configure(
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": place.file},
            "postgres": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": name,
                "HOST": parts.hostname,
                "PORT": parts.port,
                "USER": parts.username,
                "PASSWORD": parts.password or "",
            },
        }
    )
    django.setup()
    yield place
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def place(databases: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Give databases in which the table is empty."""
    # Django's connections block, and refuse to do so in a loop's thread; these tests have one in every thread.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with psycopg.connect(databases.postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept; " + TABLE.format(bytes="bytea"))
    folder = Path(databases.file).parent
    shutil.rmtree(folder)  # with whatever a store has put beside its file
    folder.mkdir()
    sqlite3.connect(databases.file).execute(TABLE.format(bytes="blob")).connection.close()
    return databases


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    """Give each way to have a transaction."""
    chosen: Way = request.param
    return chosen


@pytest.fixture
async def caller(way: Way, place: Place) -> AsyncIterator[Caller]:
    """Give a connection as its owner uses it."""
    async with way.open(place) as opened:
        yield opened


@pytest.fixture
def look(way: Way, place: Place) -> Look:
    """Give who tells what others see. Where SQLite is concerned, with the same copy of it."""
    match way.kind:
        case "postgresql":
            return lambda: _by_postgres(place)
        case "sqlite3":
            return lambda: _by_sqlite3(place)
    return lambda: _by_apsw(place)


def _by_postgres(place: Place) -> list[str]:
    with psycopg.connect(place.postgres) as connection:
        return [said for (said,) in connection.execute(READ)]


def _by_sqlite3(place: Place) -> list[str]:
    connection = sqlite3.connect(place.file)
    try:
        return [said for (said,) in connection.execute(READ)]
    finally:
        connection.close()


def _by_apsw(place: Place) -> list[str]:
    connection = apsw.Connection(place.file)
    try:
        return [said for (said,) in connection.execute(READ)]
    finally:
        connection.close()
