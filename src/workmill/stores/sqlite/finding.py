"""Listing jobs, newest first, without reading past those that match."""

import heapq
from datetime import datetime
from itertools import islice

from workmill.store import JobFilter, Page
from workmill.stores.sqlite.moments import LAST, ticks
from workmill.stores.sqlite.rows import pack, readable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.errors import InvalidOption

END = 2**63 - 1


def find(wanted: JobFilter, limit: int, cursor: str | None, transaction: Transaction) -> Page:
    """See `Store.find`."""
    below = END if cursor is None else place_of(cursor)
    with transaction.snapshot():
        seqs = newest(wanted, limit + 1, below, transaction)
        rows = transaction.batch(statements("find")["rows"], pack(seqs[:limit]))
    return Page(jobs=tuple(readable(rows)), next_cursor=str(seqs[limit - 1]) if len(seqs) > limit else None)


def place_of(cursor: str) -> int:
    """Read a cursor: the place of the last job of the page before.

    Raises:
        InvalidOption: It is none.
    """
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= END:
        return int(cursor)
    raise InvalidOption("cursor", cursor, "give the next_cursor of the page before, or none for the first page")


def newest(wanted: JobFilter, limit: int, below: int, transaction: Transaction) -> list[int]:
    """Return the places of the newest jobs that match."""
    sql = statements("find")
    after = edge(wanted.created_after, -1)
    before = edge(wanted.created_before, LAST + 1)
    if not (wanted.states or wanted.tasks or wanted.queues):
        found: list[int] = transaction.batch(sql["all"], below, after, before, limit)
        return found
    named = [pack(names) if names else None for names in (wanted.states, wanted.tasks, wanted.queues)]
    lanes = transaction.batch(sql["lanes"], *named)
    lines = [transaction.batch(sql["lane"], *lane, below, after, before, limit) for lane in lanes]
    return list(islice(heapq.merge(*lines, reverse=True), limit))


def edge(moment: datetime | None, otherwise: int) -> int:
    """Return the end of a range of moments."""
    return otherwise if moment is None else ticks(moment)
