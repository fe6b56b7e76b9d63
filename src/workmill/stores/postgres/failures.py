"""What PostgreSQL's errors mean to the callers of a store."""

import psycopg
from psycopg import errors

from workmill.stores.postgres.refusals import refusal
from workmill.words.errors import StoreError, StoreUnavailable, WorkmillError


class AlreadyStored(StoreError):
    """What must be there once is there: for who can tell which, and what to answer."""


class KeptWaiting(StoreUnavailable):
    """It waited for a lock of others' for as long as it was allowed to: for who can wait elsewhere."""


REFUSED = "WM001"
"""The SQLSTATE of what our own functions refuse."""
LIMITS = "; see statement_timeout and lock_timeout of this role, and what else is locked"
UNPREPARED = (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn, errors.InvalidSchemaName)
UNFIT = (psycopg.DataError, errors.IntegrityError, UnicodeEncodeError, OverflowError)
"""What a value raises that the tables cannot hold."""
GONE = (psycopg.OperationalError, psycopg.InterfaceError, OSError)

MEANINGS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[StoreError], str], ...] = (
    (TimeoutError, StoreUnavailable, "; look for what it waits for or its network"),
    (errors.LockNotAvailable, KeptWaiting, LIMITS),
    (errors.QueryCanceled, StoreUnavailable, LIMITS),
    (
        errors.InsufficientPrivilege,
        StoreError,
        "; grant this role what it needs, or let another role prepare the schema",
    ),
    (errors.ReadOnlySqlTransaction, StoreUnavailable, "; it must be the primary server, not a standby"),
    (UNPREPARED, StoreError, "; the schema was changed while it was in use, open the store again"),
    (errors.UniqueViolation, AlreadyStored, ""),
    (UNFIT, StoreError, "; a value was refused that the tables cannot hold"),
    (GONE, StoreUnavailable, ""),
)
"""The first that fits counts."""


def translated(error: Exception, name: str) -> WorkmillError:
    """Return the store error that says what went wrong with which store, and what to do about it."""
    if isinstance(error, psycopg.Error) and error.sqlstate == REFUSED:
        return refusal(str(error.diag.message_detail))
    said = words_of(error)
    for kinds, meaning, remedy in MEANINGS:
        if isinstance(error, kinds):
            return meaning(f"{name}: {said}{remedy}")
    return StoreError(f"{name}: a statement failed: {said}")


def words_of(error: Exception) -> str:
    """Return what was said, without the statement and without rows: they hold what nobody should read in a log."""
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or str(error).strip() or type(error).__name__
