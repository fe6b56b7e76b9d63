"""The contract, kept by the SQLite room."""

from pathlib import Path

import pytest

from tests.stores.sqlite.harness import sqlite_harness
from workmill.testing.conformance import *  # noqa: F403 - the suite's tests and fixtures, to be collected here
from workmill.testing.conformance import ClockedHarness


@pytest.fixture
def harness(tmp_path: Path) -> ClockedHarness:
    return sqlite_harness(tmp_path / "jobs.db", "apsw")
