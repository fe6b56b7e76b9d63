"""What `diagnose` looks at."""

import apsw

from workmill.store import Finding, Level
from workmill.stores.sqlite.transaction import Transaction

SOUND_VERSION = (3, 51, 3)
"""Before it, a WAL that was reset at a bad moment could damage the file."""


def diagnose(_transaction: Transaction) -> list[Finding]:
    """See `Store.diagnose`."""
    return [version()]


def version() -> Finding:
    """Look at the SQLite that apsw brings along."""
    found = apsw.sqlite_lib_version()
    if tuple(int(part) for part in found.split(".")) >= SOUND_VERSION:
        return Finding(level=Level.OK, subject="SQLite", detail=f"version {found}")
    return Finding(
        level=Level.FAIL,
        subject="SQLite",
        detail=f"version {found} can damage a file in WAL mode",
        remedy="upgrade apsw to 3.51.3 or newer",
    )
