"""A prefix for each test, with the true clock, and servers of a test's own that it may kill."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.servers.redis import RedisServer, chosen_program, redis_server
from tests.servers.redis_harness import RedisHarness
from workmill.stores.redis import RedisStore


@pytest.fixture
def database(redis: str) -> Iterator[RedisHarness]:
    """Give the power over a prefix of this test's own."""
    database = RedisHarness(redis)
    yield database
    database.drop()


@pytest.fixture
async def stores(database: RedisHarness) -> AsyncIterator[list[RedisStore]]:
    """Give several stores on one prefix, with the true clock."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(4):
            store = RedisStore(database.url)
            await store.open()
            stack.push_async_callback(store.close)
            opened.append(store)
        yield opened


@pytest.fixture
def store(stores: list[RedisStore]) -> RedisStore:
    return stores[0]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Give a server of this test's own."""
    with redis_server(chosen_program()) as server:
        yield server
