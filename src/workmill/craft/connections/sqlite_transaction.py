"""How several statements take effect together on a connection to SQLite, whatever its transactions are left to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from workmill.words.conversation import Statement

LEGACY = -1
"""`sqlite3.LEGACY_TRANSACTION_CONTROL`, which Python 3.11 lacks: `isolation_level` decides, not `autocommit`."""

# How to begin, to end and to undo. The statements must be all or none even where the caller lives with an error of
# theirs and commits. The write lock comes first: one who has read and then writes may be refused, however long they
# would wait.
_JOINING = ("SAVEPOINT workmill", ("RELEASE workmill",), ("ROLLBACK TO workmill", "RELEASE workmill"))
_OF_ITS_OWN = ("BEGIN IMMEDIATE", ("COMMIT",), ("ROLLBACK",))
_BEGUN_FOR_THE_CALLER = ("BEGIN IMMEDIATE", (), ("ROLLBACK",))


class Openness(Protocol):
    """What a connection of `sqlite3`, or one around it, tells of its transactions."""

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""

    @property
    def isolation_level(self) -> str | None:
        """None where the driver begins none by itself."""


def commits_by_itself(connection: Openness) -> bool:
    """Whether each statement is a transaction of its own until somebody says BEGIN."""
    control: int = getattr(connection, "autocommit", LEGACY)
    return connection.isolation_level is None if control == LEGACY else bool(control)


@contextmanager
def one_transaction(
    run: Callable[[Statement], object], *, is_open: Callable[[], bool], commits: bool
) -> Iterator[None]:
    """Let the statements inside take effect together or not at all, by the rules of `BlockingConnection.hold`.

    Args:
        run: Runs one statement.
        is_open: Tells whether a transaction is open.
        commits: Whether a transaction that is begun here ends here.
    """
    begin, end, undo = _JOINING if is_open() else _OF_ITS_OWN if commits else _BEGUN_FOR_THE_CALLER
    run(Statement(begin))
    try:
        yield
        for sql in end:
            run(Statement(sql))
    except BaseException:
        # After some errors, as of a full disk, SQLite has rolled back already.
        for sql in undo if is_open() else ():
            run(Statement(sql))
        raise
