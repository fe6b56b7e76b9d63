"""A database for one run in each room, whose clock stands still until it is moved, also from another process."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import psycopg
import redis

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from tests.servers.redis_harness import RedisHarness
from tests.stores.redis.audit import audit
from tests.stores.sqlite.caller import SqliteCaller
from workmill.store import Store
from workmill.stores.memory import MemoryStore, Vault
from workmill.stores.postgres import PostgresStore
from workmill.stores.redis import RedisStore
from workmill.stores.sqlite import SqliteStore
from workmill.testing import FakeClock
from workmill.testing.conformance.harness import Caller

FILE = "jobs.db"
BEGINNING = datetime(2030, 1, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MEMORY = Path("/dev/shm")  # noqa: S108 - where files lie in memory, each in a folder of our own


class Database(Protocol):
    """One database and the power over its clock."""

    async def make(self) -> Store:
        """Make and open one more store on it."""

    async def caller(self) -> Caller | None:
        """Open a caller's own connection to it; None where the store joins no transactions."""

    def advance(self, length: timedelta) -> None:
        """Move its clock."""

    def flaws(self) -> list[str]:
        """Say what does not agree with the jobs in how it keeps them, where that can be seen."""


@dataclass
class MemoryDatabase:
    """A vault of this process."""

    vault: Vault = field(default_factory=Vault)
    clock: FakeClock = field(default_factory=lambda: FakeClock(BEGINNING))

    async def make(self) -> Store:
        """Make one more store."""
        return MemoryStore(self.vault, self.clock)

    async def caller(self) -> None:
        """Return None: there are no transactions."""

    def advance(self, length: timedelta) -> None:
        """Move its clock."""
        self.clock.advance(length)

    def flaws(self) -> list[str]:
        """Say nothing: what agrees is a matter of the counts that every check reads."""
        return []


@dataclass(frozen=True)
class SqliteDatabase:
    """A file, and beside it one with the present moment; it can be handed to another process."""

    folder: Path

    async def make(self) -> Store:
        """Make and open one more store."""
        store = SqliteStore(self.folder / FILE, clock=self._now)
        await store.open()
        return store

    async def caller(self) -> Caller:
        """Open a caller's own connection to the file."""
        caller = SqliteCaller("apsw", self.folder / FILE)
        await caller.open()
        return caller

    def advance(self, length: timedelta) -> None:
        """Move its clock."""
        partial = self._moment.with_suffix(".partial")
        partial.write_text(str((self._now() - BEGINNING + length) // TICK))
        partial.replace(self._moment)

    def flaws(self) -> list[str]:
        """Say nothing: the database keeps its indices itself."""
        return []

    @property
    def _moment(self) -> Path:
        return self.folder / "moment"

    def _now(self) -> datetime:
        return BEGINNING + int(self._moment.read_text() if self._moment.exists() else 0) * TICK


class PostgresDatabase:
    """A schema whose clock is a row; it can be handed to another process, which then has a connection of its own."""

    def __init__(self, server: str, schema: str) -> None:
        self._server = server
        self._schema = schema
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def __reduce__(self) -> tuple[type["PostgresDatabase"], tuple[str, str]]:
        return PostgresDatabase, (self._server, self._schema)

    async def make(self) -> Store:
        """Make and open one more store."""
        store = PostgresStore(f"{self._server}?schema={self._schema}")
        await store.open()
        return store

    async def caller(self) -> Caller:
        """Open a caller's own connection to the server."""
        return PostgresCaller(await psycopg.AsyncConnection.connect(self._server), "")

    def advance(self, length: timedelta) -> None:
        """Move its clock."""
        if self._connection is None:
            self._connection = psycopg.connect(self._server, autocommit=True)
        statement = f'UPDATE "{self._schema}".frozen SET moment = moment + %s'  # noqa: S608 - a name of our own
        self._connection.execute(statement, (length // TICK,))

    def flaws(self) -> list[str]:
        """Say nothing: the database keeps its indices itself."""
        return []

    def close(self) -> None:
        """Close its own connection."""
        if self._connection is not None:
            self._connection.close()


class RedisDatabase:
    """Keys of one prefix, among them the clock; it can be handed to another process, which then has its own client."""

    def __init__(self, server: str, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        self._client: redis.Redis | None = None

    def __reduce__(self) -> tuple[type["RedisDatabase"], tuple[str, str]]:
        return RedisDatabase, (self._server, self._prefix)

    async def make(self) -> Store:
        """Make and open one more store."""
        store = RedisStore(f"{self._server}?prefix={self._prefix}")
        await store.open()
        return store

    async def caller(self) -> None:
        """Return None: the store joins no transactions."""

    def advance(self, length: timedelta) -> None:
        """Move its clock."""
        if self._client is None:
            self._client = redis.Redis.from_url(self._server)
        self._client.hincrby(f"{{{self._prefix}}}:meta", "clock", length // TICK)

    def flaws(self) -> list[str]:
        """Compare every index and counter with what follows from the jobs."""
        return flaws_of(RedisHarness(self._server, self._prefix))

    def close(self) -> None:
        """Close its own connections."""
        if self._client is not None:
            self._client.close()


def flaws_of(harness: RedisHarness) -> list[str]:
    """Say which indices and counters on Redis differ from what follows from the jobs."""
    try:
        audit(harness)
    except AssertionError as error:
        return [str(error)]
    return []


class MemoryRoom:
    """Makes databases in memory."""

    name = "memory"
    crosses_processes = False

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Have an empty database."""
        yield MemoryDatabase()


class SqliteRoom:
    """Makes databases in files."""

    name = "sqlite"
    crosses_processes = True

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Have an empty database."""
        # A killed process takes no pages of the system with it: a disk would only make this slow.
        place = MEMORY if os.access(MEMORY, os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="workmill-proof-", dir=place, ignore_cleanup_errors=True) as folder:
            yield SqliteDatabase(Path(folder))


class PostgresRoom:
    """Makes schemas on one server.

    Args:
        server: The URL of a database that may be filled.
    """

    name = "postgres"
    crosses_processes = True

    def __init__(self, server: str) -> None:
        self._server = server

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Have an empty schema."""
        harness = PostgresHarness(self._server)
        asyncio.run(_made(harness))
        database = PostgresDatabase(self._server, harness.schema)
        try:
            yield database
        finally:
            database.close()
            harness.drop()


class RedisRoom:
    """Makes prefixes on one server.

    Args:
        server: The URL of a database that may be filled.
    """

    name = "redis"
    crosses_processes = True

    def __init__(self, server: str) -> None:
        self._server = server

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Have an empty prefix."""
        harness = RedisHarness(self._server)
        asyncio.run(_made(harness))
        database = RedisDatabase(self._server, harness.prefix)
        try:
            yield database
        finally:
            database.close()
            harness.drop()


async def _made(harness: PostgresHarness | RedisHarness) -> None:
    store = await harness.make()
    await store.close()


class Room(Protocol):
    """A kind of store that crash points are tried on."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def crosses_processes(self) -> bool:
        """Whether a process of its own can be killed over it."""

    def database(self) -> AbstractContextManager[Database]:
        """Have an empty database while inside."""
