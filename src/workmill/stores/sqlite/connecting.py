"""Opening the file: its modes, its settings, its schema."""

import contextlib
import os
import secrets
import time
from pathlib import Path

from workmill.stores.sqlite.driver import Connection, Driver
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.patience import patience
from workmill.stores.sqlite.statements import apart, migrations
from workmill.words.errors import SchemaMismatch, StoreUnavailable

APPLICATION = 0x4D494C4C  # "MILL", in the header of every file that is ours
IN_THE_WAY = (
    "the store could not be prepared in this file, because a transaction is open on it; if it is one of this program's "
    "own, open the store before it begins: start a worker, or run `workmill doctor` once"
)
LOOK_SECONDS = 1.0
"""How often it is looked whether the open file is still the one at its path."""

SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA mmap_size = 0",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32768",
    "PRAGMA journal_size_limit = 67108864",
)


def open_writer(path: Path, driver: Driver) -> Connection:
    """Open the file for writing, making it and bringing its schema up to date.

    Where nothing is to be brought up to date, nothing is written and no lock is needed: another connection may be in
    the middle of a transaction, and wait for this.

    Raises:
        SchemaMismatch: A newer version wrote it.
        StoreUnavailable: It is another program's, or somebody has a transaction open that is in the way.
        Driver.error: SQLite cannot open or write it.
    """
    create(path)
    connection = driver.connect(path, may_write=True)
    try:
        configure(connection)
        migrate(connection, path)
    except BaseException as error:
        connection.close()
        if code_of(error) is Code.BUSY:
            raise StoreUnavailable(f"{path}: {IN_THE_WAY} ({error})") from error
        raise
    return connection


def open_reader(path: Path, driver: Driver) -> Connection:
    """Open the file for reading, after `open_writer` has."""
    connection = driver.connect(path, may_write=False)
    connection.execute("PRAGMA mmap_size = 0")
    return connection


class Whereabouts:
    """Watches that the open file is still the one at its path: what is written to a deleted one is lost unnoticed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = self._look()
        self._looked_at = time.monotonic()

    def check(self) -> None:
        """Look again, but not all the time.

        Raises:
            StoreUnavailable: The file was deleted, moved or replaced.
        """
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        if self._look() != self._identity:
            raise StoreUnavailable(f"{self._path}: the file was deleted, moved or replaced; restart this program")
        self._looked_at = time.monotonic()

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def create(path: Path) -> None:
    """Make an empty file that only its owner reads; what SQLite makes beside it gets the same mode.

    It is made under another name and then linked: closing a file takes away every lock that this process has on it,
    so nobody may open the database except through SQLite, not even to create it.
    """
    if path.exists():
        return
    newborn = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(newborn, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with contextlib.suppress(FileExistsError):
            os.link(newborn, path)
        newborn.unlink()
    except OSError as error:
        remedy = "its folder must exist and be writable by this user"
        raise StoreUnavailable(f"{path}: {error.strerror}; {remedy}") from error


def configure(connection: Connection) -> None:
    """Set what this room needs. Entering WAL mode does not ask the busy handler, so the waiting is done here."""
    wait, tries = patience(), 0
    while True:
        try:
            for setting in SETTINGS:
                connection.execute(setting)
        except Exception as error:
            if code_of(error) is not Code.BUSY or not wait(tries):
                raise
            tries += 1
        else:
            return


def migrate(connection: Connection, path: Path) -> None:
    """Bring the schema from whatever version it is to ours; many processes may do so at once."""
    scripts = migrations()
    if version_of(connection, path) == len(scripts):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, path)
        for script in scripts[version:]:
            for statement in apart(script):
                connection.execute(statement)
        # Pragmas take no parameters.
        connection.execute(f"PRAGMA application_id = {APPLICATION:d}")
        connection.execute(f"PRAGMA user_version = {len(scripts):d}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def version_of(connection: Connection, path: Path) -> int:
    """Return the version of the file's schema.

    Raises:
        SchemaMismatch: It is newer than ours.
        StoreUnavailable: The file is another program's.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if version and application != APPLICATION:
        raise StoreUnavailable(f"{path}: the database is another program's; name another file")
    if version > len(migrations()):
        raise SchemaMismatch(
            f"{path}: its schema has version {version} and this program knows {len(migrations())}; upgrade this program"
        )
    return int(version)
