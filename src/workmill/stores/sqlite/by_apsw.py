"""apsw, which brings a current SQLite along: the driver to take where nobody else opens the file in this process."""

from pathlib import Path

import apsw

from workmill.stores.sqlite.driver import Connection, DriverName
from workmill.stores.sqlite.patience import patience


class ApswDriver:
    """Hands out apsw's own connections, so that nothing stands between a statement and SQLite."""

    name: DriverName = "apsw"
    error: type[Exception] = apsw.Error
    remedy = "upgrade apsw"

    def version(self) -> str:
        """Return the version of its SQLite."""
        return apsw.sqlite_lib_version()

    def connect(self, path: Path, *, may_write: bool) -> Connection:
        """Open a file that is there."""
        flags = apsw.SQLITE_OPEN_READWRITE if may_write else apsw.SQLITE_OPEN_READONLY
        connection = apsw.Connection(str(path), flags=flags)
        connection.set_busy_handler(patience())
        return connection
