"""The fixtures of the suite. All of them come from the one that a store's author writes: `harness`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

import pytest

from workmill.store import Store
from workmill.testing.conformance.harness import Caller, Harness

Another: TypeAlias = Callable[[], Awaitable[Store]]
"""Opens one more store on the test's database; it is closed after the test."""

AnotherCaller: TypeAlias = Callable[[], Awaitable[Caller]]
"""Opens one more caller's connection to the test's database; it is closed after the test."""


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


@pytest.fixture
async def another_caller(harness: Harness, store: Store) -> AsyncIterator[AnotherCaller]:  # noqa: ARG001 - its database
    """Give the maker of callers' connections to the store's database."""
    async with AsyncExitStack() as stack:

        async def make() -> Caller:
            caller = await harness.caller()
            if caller is None:
                pytest.skip("this store joins no transactions")
            stack.push_async_callback(caller.close)
            return caller

        yield make


@pytest.fixture
async def caller(another_caller: AnotherCaller) -> Caller:
    """Give a caller's connection to the store's database."""
    return await another_caller()
