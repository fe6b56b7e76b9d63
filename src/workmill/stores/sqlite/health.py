"""What `diagnose` looks at inside the file: the SQLite that reads it, its settings, its pages, its clock."""

from collections.abc import Awaitable
from datetime import timedelta

from workmill.store import Finding, Level
from workmill.stores.sqlite.driver import Driver, Value
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.errors import StoreError
from workmill.words.ticks import TICK

SOUND_VERSION = (3, 51, 3)
"""Before it, a WAL that was reset at a bad moment could damage the file."""
MEBIBYTE = 1 << 20
QUICKLY_CHECKED = 32 * MEBIBYTE
MUCH_UNUSED = 256 * MEBIBYTE
SIZES = ("PRAGMA page_size", "PRAGMA page_count", "PRAGMA freelist_count")
SLACK = timedelta(seconds=1)


async def looked(findings: Awaitable[list[Finding]]) -> list[Finding]:
    """Wait for findings; that they cannot be had is one, too."""
    try:
        return await findings
    except (StoreError, OSError) as error:
        return [found("file", str(error), Level.FAIL, "mend that first, then look again")]


def look_inside(driver: Driver, transaction: Transaction) -> list[Finding]:
    """Look at all that only needs reading."""
    return [version(driver), journal(transaction), pages(transaction), clock(transaction), lanes(transaction)]


def look_at_writing(transaction: Transaction) -> list[Finding]:
    """Look at what a commit waits for, and whether the file can be written.

    Raises:
        Driver.error: It cannot.
    """
    transaction.run(statements("health")["touch"])
    if transaction.value("PRAGMA synchronous") == 2:
        return [found("durability", "accepted jobs are on the disk (synchronous=FULL), and the file can be written")]
    detail = "accepted jobs may not be on the disk: synchronous is not FULL"
    return [found("durability", detail, Level.FAIL, "set it to FULL, as this store does when it opens the file")]


def version(driver: Driver) -> Finding:
    """Look at the SQLite that the driver brings along."""
    number = driver.version()
    detail = f"version {number}, through {driver.name}"
    if tuple(int(part) for part in number.split(".")) >= SOUND_VERSION:
        return found("SQLite", detail)
    return found("SQLite", f"{detail}, can damage a file in WAL mode, very rarely", Level.WARN, driver.remedy)


def journal(transaction: Transaction) -> Finding:
    """Look at the journal mode, which is kept in the file."""
    mode = transaction.value("PRAGMA journal_mode")
    if mode == "wal":
        return found("journal", "WAL: readers and the writer do not wait for one another")
    remedy = "close every other program that uses the file, then open the store again"
    return found("journal", f"{mode!r} instead of WAL: readers and writers wait for one another", Level.WARN, remedy)


def pages(transaction: Transaction) -> Finding:
    """Look at the file's size, and at every page of a small one."""
    size, count, unused = (integer(transaction.value(pragma)) for pragma in SIZES)
    whole, free = size * count, size * unused
    detail = f"{whole // MEBIBYTE} MiB, of which {free // MEBIBYTE} MiB are free for new jobs"
    if whole <= QUICKLY_CHECKED:
        verdict = transaction.value("PRAGMA quick_check(1)")
        if verdict != "ok":
            remedy = "stop all workers and restore a backup, or save what `sqlite3 FILE .recover` can read"
            return found("file", f"damaged: {verdict!r}", Level.FAIL, remedy)
        detail += "; every page is sound"
    if free > MUCH_UNUSED and 2 * free > whole:
        remedy = "to give it back to the disk, stop all workers and run `sqlite3 FILE VACUUM`"
        return found("file", detail, Level.WARN, remedy)
    return found("file", detail)


def clock(transaction: Transaction) -> Finding:
    """Look whether the newest job comes from the future."""
    ahead = (integer(transaction.value(statements("health")["newest"])) - transaction.now) * TICK
    if ahead <= SLACK:
        return found("clock", "not before the newest job")
    detail = f"{ahead} before the newest job was stored: leases and delays last that much longer"
    return found("clock", detail, Level.WARN, "let a time service such as chrony set this machine's clock")


def lanes(transaction: Transaction) -> Finding:
    """Look whether the tally knows of every lane with queued jobs."""
    missing = transaction.batch(statements("health")["uncounted"])
    if not missing:
        return found("tally", "knows of every queued job")
    names = ", ".join(f"{task} on {queue}" for task, queue in missing[:5])
    detail = f"does not know of queued jobs of {names}: the file was changed by another program"
    return found("tally", detail, Level.WARN, "let a worker run: its pruning counts them anew")


def found(subject: str, detail: str, level: Level = Level.OK, remedy: str = "") -> Finding:
    """Make a finding."""
    return Finding(level=level, subject=subject, detail=detail, remedy=remedy)


def integer(value: Value) -> int:
    """Return a number that a statement answered, or 0 where it answered none."""
    return value if isinstance(value, int) else 0
