"""An open SQLite store, another program on its file, and programs of their own that use it."""

import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from workmill.stores.sqlite import SqliteStore

DEADLINE_SECONDS = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def raw(path: Path, store: SqliteStore) -> Iterator[apsw.Connection]:  # noqa: ARG001 - the store makes the file
    """Another program on the same file."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.set_busy_timeout(DEADLINE_SECONDS * 1000)
        yield connection


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
