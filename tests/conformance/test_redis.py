"""The contract, kept by the Redis room."""

from collections.abc import Iterator

import pytest

from tests.servers.redis_harness import RedisHarness
from workmill.testing.conformance import *  # noqa: F403 - the suite's tests and fixtures, to be collected here


@pytest.fixture
def harness(redis: str) -> Iterator[RedisHarness]:
    harness = RedisHarness(redis)
    yield harness
    harness.drop()
