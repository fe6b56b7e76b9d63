"""The drivers by their names."""

from typing import assert_never

from workmill.stores.sqlite.driver import Driver, DriverName


def driver_named(name: DriverName) -> Driver:
    """Load a driver. The other one stays out of the process.

    Raises:
        ConfigError: Its SQLite is too old for this room.
    """
    match name:
        case "apsw":
            from workmill.stores.sqlite.by_apsw import ApswDriver  # noqa: PLC0415 - loaded when it is chosen

            return ApswDriver()
        case "sqlite3":
            from workmill.stores.sqlite.by_sqlite3 import StandardDriver  # noqa: PLC0415 - loaded when it is chosen

            return StandardDriver()
        case _:
            assert_never(name)
