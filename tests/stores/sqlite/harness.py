"""What the SQLite room gives to the suite, on either driver."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw

from tests.stores.sqlite.caller import SqliteCaller
from workmill.stores.sqlite import SqliteStore
from workmill.stores.sqlite.driver import DriverName
from workmill.testing.conformance import ClockedHarness

DAMAGE = "UPDATE job SET policy = '{' WHERE id = ?"


def sqlite_harness(path: Path, driver: DriverName) -> ClockedHarness:
    """Make the harness of one file. Whatever opens it in this process does so through the same driver."""

    def corrupt(job_id: str) -> None:
        if driver == "apsw":
            with closing(apsw.Connection(str(path))) as apsw_connection:
                apsw_connection.set_busy_timeout(10_000)
                apsw_connection.execute(DAMAGE, (job_id,))
        else:
            with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
                connection.execute(DAMAGE, (job_id,))

    async def caller() -> SqliteCaller:
        made = SqliteCaller(driver, path)
        await made.open()
        return made

    make = partial(SqliteStore, path, driver=driver)
    return ClockedHarness(lambda clock: make(clock=clock), opener=make, corrupt=corrupt, caller=caller)
