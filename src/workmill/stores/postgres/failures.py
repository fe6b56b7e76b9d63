"""What PostgreSQL's errors mean to the callers of a store."""

import psycopg
from psycopg import errors

from workmill.words.errors import StoreError, StoreUnavailable


class AlreadyStored(StoreError):
    """What must be there once is there: for who can tell which, and what to answer."""


UNPREPARED = (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn, errors.InvalidSchemaName)
UNFIT = (psycopg.DataError, errors.IntegrityError, UnicodeEncodeError, OverflowError)
"""What a value raises that the tables cannot hold."""


def translated(error: Exception, name: str) -> StoreError:
    """Return the store error that says what went wrong with which store, and what to do about it."""
    said = str(error).strip() or type(error).__name__
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"{name}: the server did not answer in time; look for what it waits for or its network")
    if isinstance(error, errors.InsufficientPrivilege):
        return StoreError(f"{name}: {said}; grant this role what it needs, or let another role prepare the schema")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return StoreUnavailable(f"{name}: {said}; it must be the primary server, not a standby")
    if isinstance(error, UNPREPARED):
        return StoreError(f"{name}: {said}; the schema was changed while it was in use, open the store again")
    if isinstance(error, errors.UniqueViolation):
        return AlreadyStored(f"{name}: {said}")
    if isinstance(error, UNFIT):
        return StoreError(f"{name}: a value that the tables cannot hold was refused: {said}")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError):
        return StoreUnavailable(f"{name}: {said}")
    return StoreError(f"{name}: a statement failed: {said}")
