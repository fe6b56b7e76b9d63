"""The contract, kept by the PostgreSQL room."""

from collections.abc import Iterator

import pytest

from tests.servers.harness import PostgresHarness
from workmill.testing.conformance import *  # noqa: F403 - the suite's tests and fixtures, to be collected here


@pytest.fixture(scope="module")
def usable(postgres: str) -> Iterator[list[PostgresHarness]]:  # noqa: ARG001 - it must outlive them
    """Give what the test before has left to use again."""
    usable: list[PostgresHarness] = []
    yield usable
    for harness in usable:
        harness.drop()


@pytest.fixture
def harness(postgres: str, usable: list[PostgresHarness]) -> Iterator[PostgresHarness]:
    harness = usable.pop() if usable else PostgresHarness(postgres)
    yield harness
    if harness.reuse():
        usable.append(harness)
    else:
        harness.drop()
