"""The contract, kept by the SQLite room."""

from functools import partial
from pathlib import Path

import pytest

from workmill.stores.sqlite import SqliteStore
from workmill.testing.conformance import *  # noqa: F403 - the suite's tests and fixtures, to be collected here
from workmill.testing.conformance import ClockedHarness


@pytest.fixture
def harness(tmp_path: Path) -> ClockedHarness:
    path = tmp_path / "jobs.db"
    return ClockedHarness(lambda clock: SqliteStore(path, clock=clock), opener=partial(SqliteStore, path))
