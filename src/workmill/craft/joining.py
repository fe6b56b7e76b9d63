"""Whether a store can join the transactions of a caller's connection, and what to do where it cannot."""

from workmill.store import Capabilities
from workmill.words.errors import InvalidOption

_OTHER_SQLITE = {
    "sqlite3": "add ?driver=sqlite3 to its URL, as one process may use one SQLite library only on one file",
    "apsw": "take ?driver=sqlite3 from its URL, or give a connection of Python's own sqlite3",
}


def check_joined(capabilities: Capabilities, kind: str, connection: object) -> None:
    """Refuse a connection of a kind whose transactions the store does not join.

    Raises:
        InvalidOption: As it says.
    """
    if kind not in capabilities.joins:
        raise InvalidOption("connection", type(connection), _remedy(capabilities, kind))


def _remedy(capabilities: Capabilities, kind: str) -> str:
    store, joins = capabilities.name, capabilities.joins
    if not joins:
        return f"the store {store} joins no transactions; keep the jobs in SQLite or PostgreSQL, beside the rows"
    joined = " and ".join(joins)
    said = f"this is a connection of kind {kind}, and the store {store} joins transactions of {joined}"
    if kind in _OTHER_SQLITE and set(joins) & _OTHER_SQLITE.keys():
        return f"{said}: {_OTHER_SQLITE[kind]}"
    return f"{said}: give a connection to the database that holds the jobs"
