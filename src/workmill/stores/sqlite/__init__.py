"""The room on one SQLite file: no server, many processes, every accepted job on the disk."""

from workmill.stores.sqlite.driver import DRIVERS, DriverName
from workmill.stores.sqlite.store import SqliteStore

__all__ = ["DRIVERS", "DriverName", "SqliteStore"]
