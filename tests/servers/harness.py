"""One schema of a test's own on a PostgreSQL server, and the power over it that the conformance suite asks for."""

import asyncio
import secrets
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import psycopg

from tests.servers.caller import PostgresCaller
from workmill.stores.postgres import PostgresStore
from workmill.testing.conformance.harness import Opener

BEGINNING = 1893499200000000
FROZEN = f"""
CREATE TABLE {{schema}}.frozen AS SELECT {BEGINNING}::bigint AS moment;
CREATE OR REPLACE FUNCTION {{schema}}.clock() RETURNS bigint LANGUAGE sql AS 'SELECT moment FROM {{schema}}.frozen';
"""
EMPTYING = """
SELECT string_agg('DELETE FROM ' || quote_ident(schemaname) || '.' || quote_ident(tablename), ';') FROM pg_tables
WHERE schemaname = '{schema}' AND tablename NOT IN ('version', 'identity', 'frozen')
"""
"""Gives the statements that delete what a new store has not."""
CALLERS = """
CREATE TABLE IF NOT EXISTS {schema}.callers (place bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, text text NOT NULL)
"""
MOST_DROPS = 10
MOST_USES = 50
"""What was deleted stays in a table's file for a while, and costs time."""


class PostgresHarness:
    """Stores on one schema, whose clock stands still until it is moved.

    Args:
        database: The URL of a database, without options.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._schema = f"test_{secrets.token_hex(6)}"
        self._is_frozen = False
        self._is_open_to_others = False
        self._uses = 1
        self._turn = asyncio.Lock()

    @property
    def url(self) -> str:
        """The URL of the stores."""
        return f"{self._database}?schema={self._schema}"

    @property
    def schema(self) -> str:
        """The schema of the stores."""
        return self._schema

    def at(self, name: str) -> str:
        """Return the URL of a database on the same server."""
        return urlsplit(self._database)._replace(path=f"/{name}").geturl()

    async def make(self) -> PostgresStore:
        """Make and open one more store."""
        store = PostgresStore(self.url)
        await store.open()
        async with self._turn:
            if not self._is_frozen:
                self.execute(FROZEN)
                self._is_frozen = True
        return store

    async def advance(self, length: timedelta) -> None:
        """Move the clock that all these stores share."""
        self.execute(f"UPDATE {{schema}}.frozen SET moment = moment + {length // timedelta(microseconds=1)}")

    async def corrupt(self, job_id: str) -> bool:
        """Damage a stored job."""
        self.execute("UPDATE {schema}.job SET policy = '{{' WHERE id = '" + job_id + "'")
        return True

    def opener(self) -> Opener:
        """Return the maker for other processes."""
        self._is_open_to_others = True
        return partial(PostgresStore, self.url)

    async def caller(self) -> PostgresCaller:
        """Open a caller's connection; it does not know where our tables are."""
        async with self._turn:
            self.execute(CALLERS)
        connection = await psycopg.AsyncConnection.connect(self._database)
        return PostgresCaller(connection, f"{self._schema}.callers")

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        """Do what no verb of a store does."""
        with psycopg.connect(self._database, autocommit=True) as connection:
            cursor = connection.execute(sql.format(schema=self._schema))
            return cursor.fetchall() if cursor.description else []

    def reuse(self) -> bool:
        """Make the schema as new, in less time than another takes; False where it was used too often or by others.

        A process that was killed while it wrote may be heard of later.
        """
        if self._is_open_to_others or self._uses >= MOST_USES:
            return False
        self._uses += 1
        self._turn = asyncio.Lock()  # The next test has an event loop of its own.
        if self._is_frozen:
            [(emptying,)] = self.execute(EMPTYING)
            self.execute(f"{emptying}; UPDATE {{schema}}.frozen SET moment = {BEGINNING}")
        return True

    def drop(self) -> None:
        """Leave nothing behind."""
        for _ in range(MOST_DROPS):
            try:
                self.execute("SET lock_timeout = '10s'; DROP SCHEMA IF EXISTS {schema} CASCADE")
            except psycopg.errors.DeadlockDetected:  # The server has not heard yet that who wrote there was killed.
                continue
            return
        raise TimeoutError(f"schema {self._schema} could not be dropped: somebody writes there again and again")
