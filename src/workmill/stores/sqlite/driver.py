"""The seam between this room and the library that speaks to SQLite, of which there are two.

Each brings a SQLite of its own, and two SQLites in one process must not open one file: its POSIX locks belong to the
process, so when one SQLite closes any descriptor of the file, the locks of the other are gone and the file can be
damaged. Whoever shares the file with other code of the same process therefore lets this room work through the library
that code uses. Different processes may use different libraries.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

from workmill.words.codec import Json

Value = str | int | bytes | None
DriverName: TypeAlias = Literal["apsw", "sqlite3"]
DRIVERS: tuple[DriverName, ...] = get_args(DriverName)


class Cursor(Protocol):
    """What one statement answers."""

    def fetchone(self) -> Json:
        """Return the next row; None when there is none."""

    def close(self) -> None:
        """Leave the rest."""


class Connection(Protocol):
    """One connection, for the thread that opened it. It begins no transaction by itself."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, statement: str, values: Sequence[Value] = ..., /) -> Cursor:
        """Run one statement.

        Raises:
            Driver.error: SQLite refused it.
        """

    def close(self) -> None:
        """Let go of the file."""


class Driver(Protocol):
    """One of the libraries. Its errors bear SQLite's result codes, which `failures.code_of` reads."""

    @property
    def name(self) -> DriverName:
        """What it is called, also as the kind of the connections whose transactions can be joined."""

    @property
    def error(self) -> type[Exception]:
        """What its errors have in common."""

    @property
    def remedy(self) -> str:
        """How to come by a newer SQLite."""

    def version(self) -> str:
        """Return the version of its SQLite."""

    def connect(self, path: Path, *, may_write: bool) -> Connection:
        """Open a file that is there; statements wait for locks as long as `patience` says.

        Raises:
            Driver.error: It cannot be opened.
        """
