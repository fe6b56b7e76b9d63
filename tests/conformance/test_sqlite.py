"""The contract, kept by the SQLite room."""

from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import pytest

from workmill.stores.sqlite import SqliteStore
from workmill.testing.conformance import *  # noqa: F403 - the suite's tests and fixtures, to be collected here
from workmill.testing.conformance import ClockedHarness


@pytest.fixture
def harness(tmp_path: Path) -> ClockedHarness:
    path = tmp_path / "jobs.db"

    def corrupt(job_id: str) -> None:
        with closing(apsw.Connection(str(path))) as connection:
            connection.set_busy_timeout(10_000)
            connection.execute("UPDATE job SET policy = '{' WHERE id = ?", (job_id,))

    return ClockedHarness(
        lambda clock: SqliteStore(path, clock=clock), opener=partial(SqliteStore, path), corrupt=corrupt
    )
