"""sqlite3, the library that comes with Python: the driver to take where the application uses it on the same file.

SQLAlchemy, Django and aiosqlite do.
"""

import sqlite3
from pathlib import Path

from workmill.stores.sqlite import patience
from workmill.stores.sqlite.driver import Connection, DriverName
from workmill.words.errors import ConfigError

LOWEST = (3, 38, 0)
"""The first with the `->>` operator, the youngest thing that the statements need."""
STATEMENTS_KEPT = 512


class StandardDriver:
    """Hands out connections of the standard library. Its waiting for locks is SQLite's own.

    Raises:
        ConfigError: This Python's SQLite is too old.
    """

    name: DriverName = "sqlite3"
    error: type[Exception] = sqlite3.Error
    remedy = "run a Python with a newer SQLite; without ?driver=sqlite3 this store brings its own"

    def __init__(self) -> None:
        if sqlite3.sqlite_version_info < LOWEST:
            need = ".".join(map(str, LOWEST))
            raise ConfigError(
                f"driver=sqlite3 needs SQLite {need} and this Python has {sqlite3.sqlite_version}: "
                "run a Python with a newer one, or leave the driver out"
            )

    def version(self) -> str:
        """Return the version of its SQLite."""
        return sqlite3.sqlite_version

    def connect(self, path: Path, *, may_write: bool) -> Connection:
        """Open a file that is there."""
        # Only as a URI can a file be opened without being made; no isolation level: no transaction is begun unasked.
        return sqlite3.connect(
            f"{path.as_uri()}?mode={'rw' if may_write else 'ro'}",
            uri=True,
            timeout=patience.PATIENCE_SECONDS,
            isolation_level=None,
            cached_statements=STATEMENTS_KEPT,
        )
