"""The contract, kept by the PostgreSQL room."""

from collections.abc import Iterator

import pytest

from tests.servers.harness import PostgresHarness
from workmill.testing.conformance import *  # noqa: F403 - the suite's tests and fixtures, to be collected here


@pytest.fixture
def harness(postgres: str) -> Iterator[PostgresHarness]:
    harness = PostgresHarness(postgres)
    yield harness
    harness.drop()
