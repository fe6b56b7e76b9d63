"""The verbs that only read, and how they read rows."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from workmill.store import Count
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.rows import attempt_of, pack, readable, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json
from workmill.words.job import Attempt, Job, JobState

Key = TypeVar("Key", bound=str | int)
Row = Sequence[Json]


def get(job_ids: Sequence[str], transaction: Transaction) -> list[Job | None]:
    """See `Store.get`."""
    statement = statements("read")["jobs"]
    rows = in_parts(partial(rows_by, statement, transaction), [writable(job_id) for job_id in job_ids])
    by_id = {job.id: job for job in readable(rows)}
    return [by_id.get(job_id) for job_id in job_ids]


def rows_at(places: Sequence[int], transaction: Transaction) -> list[Row]:
    """Return the rows of the view `job_row` at some places in the order of storing."""
    return in_parts(partial(rows_by, statements("read")["places"], transaction), places)


def rows_by(statement: str, transaction: Transaction, keys: Sequence[str | int]) -> list[Row]:
    """Return the rows that a statement finds by keys."""
    rows: list[Row] = transaction.batch(statement, pack(keys))
    return rows


def in_parts(read: Callable[[Sequence[Key]], list[Row]], keys: Sequence[Key]) -> list[Row]:
    """Read rows, and by halves where all of them together are more than SQLite hands over at once (a gigabyte)."""
    try:
        return read(keys)
    except Exception as error:
        if code_of(error) is not Code.TOOBIG or len(keys) == 1:
            raise
        half = len(keys) // 2
        return [*in_parts(read, keys[:half]), *in_parts(read, keys[half:])]


def counts(transaction: Transaction) -> list[Count]:
    """See `Store.counts`."""
    rows = transaction.batch(statements("tally")["counts"])
    return [Count(queue=queue, task=task, state=JobState(state), jobs=jobs) for queue, task, state, jobs in rows]


def attempts(job_id: str, transaction: Transaction) -> list[Attempt]:
    """See `Store.attempts`."""
    ended = []
    for row in transaction.batch(statements("read")["attempts"], writable(job_id)):
        with suppress(ValueError):
            ended.append(attempt_of(row))
    return ended


def touch(transaction: Transaction) -> int:
    """Prove that the file can be read, and return the present moment."""
    transaction.value(statements("read")["touch"])
    return transaction.now
