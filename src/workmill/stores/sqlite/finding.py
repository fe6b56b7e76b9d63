"""Listing jobs, newest first, without reading past those that match."""

import heapq
from collections import defaultdict
from datetime import datetime
from itertools import islice

from workmill.store import JobFilter, Page
from workmill.stores.sqlite.moments import LAST, ticks
from workmill.stores.sqlite.rows import pack, readable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import LARGEST, Transaction
from workmill.words.errors import InvalidOption
from workmill.words.job import JobState

EVERY_JOB = JobFilter()


def find(wanted: JobFilter, limit: int, cursor: str | None, transaction: Transaction) -> Page:
    """See `Store.find`."""
    below = LARGEST if cursor is None else place_of(cursor)
    if limit <= 0:
        return Page(jobs=(), next_cursor=None)
    with transaction.snapshot():
        places = newest(wanted, min(limit, LARGEST - 1) + 1, below, transaction)
        rows = transaction.batch(statements("find")["rows"], pack(places[:limit]))
    return Page(jobs=tuple(readable(rows)), next_cursor=str(places[limit - 1]) if len(places) > limit else None)


def place_of(cursor: str) -> int:
    """Read a cursor: the place in the order of the last job of the page before.

    Raises:
        InvalidOption: It is none.
    """
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= LARGEST:
        return int(cursor)
    raise InvalidOption("cursor", cursor, "give the next_cursor of the page before, or none for the first page")


def newest(wanted: JobFilter, limit: int, below: int, transaction: Transaction) -> list[int]:
    """Return the places of the newest jobs that match, the newest first."""
    sql = statements("find")
    if wanted == EVERY_JOB:
        found: list[int] = transaction.batch(sql["all"], below, limit)
        return found
    named = [pack(names) if names else None for names in (wanted.states, wanted.tasks, wanted.queues)]
    kinds = defaultdict(list)
    for lane in transaction.batch(sql["lanes"], *named):
        kinds[statement_for(lane[0])].append(lane)
    after = edge(wanted.created_after, -1)
    before = edge(wanted.created_before, LAST + 1)
    lines = [transaction.batch(sql[name], pack(lanes), below, after, before, limit) for name, lanes in kinds.items()]
    return list(islice(heapq.merge(*lines, reverse=True), limit))


def statement_for(state: str) -> str:
    """Name the statement that finds jobs of a state: each goes by the index that holds them."""
    return state if state in {JobState.QUEUED, JobState.RUNNING} else "resting"


def edge(moment: datetime | None, otherwise: int) -> int:
    """Return the end of a range of moments."""
    return otherwise if moment is None else ticks(moment)
