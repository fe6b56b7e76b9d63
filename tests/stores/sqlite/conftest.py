"""An open SQLite store on either driver, another program on its file, and programs of their own that use it."""

import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from workmill.stores.sqlite import SqliteStore
from workmill.stores.sqlite.driver import DRIVERS, DriverName

DEADLINE_SECONDS = 30


class Raw:
    """Another program on the file. It uses the driver of this process: two would drop each other's locks."""

    def __init__(self, driver: DriverName, path: Path) -> None:
        self._connection: Any
        if driver == "apsw":
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(DEADLINE_SECONDS * 1000)
        else:
            self._connection = sqlite3.connect(path, timeout=DEADLINE_SECONDS, isolation_level=None)

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(statement, values))

    def pragma(self, name: str, value: object = None) -> Any:
        rows = self.execute(f"PRAGMA {name}" if value is None else f"PRAGMA {name} = {value}")
        return rows[0][0] if rows else None

    def close(self) -> None:
        self._connection.close()


NewStore = Callable[..., SqliteStore]
NewRaw = Callable[[Path], Raw]


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> DriverName:
    return request.param


@pytest.fixture
def new_store(driver: DriverName) -> NewStore:
    """Makes stores that are not open yet."""
    return partial(SqliteStore, driver=driver)


@pytest.fixture
def new_raw(driver: DriverName) -> NewRaw:
    """Opens a file as another program does."""
    return partial(Raw, driver)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path, new_store: NewStore) -> AsyncIterator[SqliteStore]:
    store = new_store(path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def raw(path: Path, store: SqliteStore, new_raw: NewRaw) -> Iterator[Raw]:  # noqa: ARG001 - the store makes the file
    """Another program on the same file."""
    with closing(new_raw(path)) as raw:
        yield raw


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python programs that are killed at the test's end."""
    running: list[subprocess.Popen[str]] = []

    def make(code: str, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield make
    for process in running:
        process.kill()
        process.communicate(timeout=DEADLINE_SECONDS)
