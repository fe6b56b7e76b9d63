"""The fixtures of the suite. All of them come from the one that a store's author writes: `harness`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

import pytest

from workmill.store import Store
from workmill.testing.conformance.harness import Harness

Another: TypeAlias = Callable[[], Awaitable[Store]]
"""Opens one more store on the test's database; it is closed after the test."""


@pytest.fixture
def anyio_backend() -> str:
    """Run the suite on asyncio."""
    return "asyncio"


@pytest.fixture
async def another(harness: Harness) -> AsyncIterator[Another]:
    """Give the maker of further stores on the same database."""
    async with AsyncExitStack() as stack:

        async def make() -> Store:
            store = await harness.make()
            stack.push_async_callback(store.close)
            return store

        yield make


@pytest.fixture
async def store(another: Another) -> Store:
    """Give an open store on an empty database."""
    return await another()
