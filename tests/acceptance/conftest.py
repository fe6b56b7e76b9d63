"""Where the jobs are in the tests of whole programs: in each store that programs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.harness import PostgresHarness
from tests.servers.redis_harness import RedisHarness


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def postgresql_url(postgres: str) -> Iterator[str]:
    harness = PostgresHarness(postgres)
    yield harness.url
    harness.drop()


@pytest.fixture
def redis_url(redis: str) -> Iterator[str]:
    harness = RedisHarness(redis)
    yield harness.url
    harness.drop()


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a store that any number of programs share."""
    return str(request.getfixturevalue(f"{request.param}_url"))
