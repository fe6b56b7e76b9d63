"""What SQLite's errors mean to the callers of a store."""

from enum import IntEnum
from pathlib import Path

from workmill.words.errors import StoreError, StoreUnavailable, WorkmillError


class Code(IntEnum):
    """The result codes of SQLite that this room tells apart."""

    BUSY = 5
    READONLY = 8
    IOERR = 10
    CORRUPT = 11
    FULL = 13
    CANTOPEN = 14
    TOOBIG = 18
    CONSTRAINT = 19
    MISMATCH = 20
    RANGE = 25
    NOTADB = 26
    OTHER = -1


REMEDIES = {
    Code.BUSY: (
        "a transaction has held the file for too long; end one of this program's own before, or give its connection "
        "with using(connection=...), else look for a process that is stopped or very slow"
    ),
    Code.FULL: "the disk is full; make room",
    Code.CORRUPT: "the file is damaged; restore a backup, or save what `sqlite3 FILE .recover` can read",
    Code.NOTADB: "the file is no SQLite database; name another one",
    Code.CANTOPEN: "the file cannot be opened; its folder must exist and be writable by this user",
    Code.READONLY: "the file cannot be written; this user needs to own it or its folder",
    Code.IOERR: "the disk does not read or write; look into the system's log",
}

UNFIT = frozenset({Code.CONSTRAINT, Code.MISMATCH, Code.TOOBIG, Code.RANGE})
"""What SQLite says of a value that the file cannot hold."""
UNFIT_ERRORS = (ValueError, TypeError, OverflowError)
"""What such a value raises before SQLite sees it."""


def code_of(error: BaseException) -> Code | None:
    """Return what SQLite said, by either driver; None where it was not SQLite that raised an error."""
    # The standard library calls it by the one name and apsw by the other; both keep the primary code in the low byte.
    code = getattr(error, "sqlite_errorcode", None) or getattr(error, "extendedresult", None)
    if code is None:
        return None
    try:
        return Code(code & 0xFF)
    except ValueError:
        return Code.OTHER


def is_the_verbs_own(error: Exception) -> bool:
    """Whether only the verb that raised it has failed, and the others of its transaction can go on."""
    code = code_of(error)
    return code is None or code in UNFIT


def translated(error: Exception, path: Path) -> Exception:
    """Return the store error that says what went wrong with which file, and what to do about it."""
    if isinstance(error, WorkmillError):
        return error
    code = code_of(error)
    if code in REMEDIES:
        return caused(StoreUnavailable(f"{path}: {REMEDIES[code]} ({error})"), error)
    if code in UNFIT or isinstance(error, UNFIT_ERRORS):
        return caused(StoreError(f"{path}: a value that the file cannot hold was refused: {error}"), error)
    return caused(StoreError(f"{path}: a statement failed: {error!r}"), error)


def caused(error: StoreError, by: Exception) -> StoreError:
    """Return an error that remembers what it was made from."""
    error.__cause__ = by
    return error
