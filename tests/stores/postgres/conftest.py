"""A schema for each test, with the true clock, and servers of a test's own that it may kill."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.servers.caller import PostgresCaller
from tests.servers.harness import PostgresHarness
from tests.servers.postgres import PostgresServer, chosen_binaries, postgres_server
from workmill.stores.postgres import PostgresStore


@pytest.fixture
def database(postgres: str) -> Iterator[PostgresHarness]:
    """Give the power over a schema of this test's own."""
    database = PostgresHarness(postgres)
    yield database
    database.drop()


@pytest.fixture
async def stores(database: PostgresHarness) -> AsyncIterator[list[PostgresStore]]:
    """Give several stores on one schema, with the true clock."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(4):
            store = PostgresStore(database.url)
            await store.open()
            stack.push_async_callback(store.close)
            opened.append(store)
        yield opened


@pytest.fixture
def store(stores: list[PostgresStore]) -> PostgresStore:
    return stores[0]


@pytest.fixture
async def caller(
    database: PostgresHarness,
    store: PostgresStore,  # noqa: ARG001 - it makes the schema
) -> AsyncIterator[PostgresCaller]:
    caller = await database.caller()
    yield caller
    await caller.close()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Give a server of this test's own."""
    with postgres_server(chosen_binaries()) as server:
        yield server
