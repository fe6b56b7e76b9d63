"""What SQLite's errors mean to the callers of a store."""

from pathlib import Path

import apsw

from workmill.words.errors import StoreError, StoreUnavailable, WorkmillError

REMEDIES: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.BusyError, "another process has held the file for too long; look for one that is stopped or very slow"),
    (apsw.FullError, "the disk is full; make room"),
    (apsw.CorruptError, "the file is damaged; restore a backup, or save what `sqlite3 FILE .recover` can read"),
    (apsw.NotADBError, "the file is no SQLite database; name another one"),
    (apsw.CantOpenError, "the file cannot be opened; its folder must exist and be writable by this user"),
    (apsw.ReadOnlyError, "the file cannot be written; this user needs to own it or its folder"),
    (apsw.IOError, "the disk does not read or write; look into the system's log"),
)


UNFIT = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.TooBigError,
    apsw.RangeError,
    ValueError,
    TypeError,
    OverflowError,
)
"""What a value raises that the file cannot hold."""


def is_the_verbs_own(error: Exception) -> bool:
    """Whether only the verb that raised it has failed, and the others of its transaction can go on."""
    return not isinstance(error, apsw.Error) or isinstance(error, UNFIT)


def translated(error: Exception, path: Path) -> Exception:
    """Return the store error that says what went wrong with which file, and what to do about it."""
    if isinstance(error, WorkmillError):
        return error
    for kind, remedy in REMEDIES:
        if isinstance(error, kind):
            return caused(StoreUnavailable(f"{path}: {remedy} ({error})"), error)
    if isinstance(error, UNFIT):
        return caused(StoreError(f"{path}: a value that the file cannot hold was refused: {error}"), error)
    return caused(StoreError(f"{path}: a statement failed: {error!r}"), error)


def caused(error: StoreError, by: Exception) -> StoreError:
    """Return an error that remembers what it was made from."""
    error.__cause__ = by
    return error
