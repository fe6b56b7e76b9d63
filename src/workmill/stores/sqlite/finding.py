"""Listing jobs, newest first, without reading past those that match."""

import heapq
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from workmill.store import JobFilter, Page
from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.reading import rows_at
from workmill.stores.sqlite.rows import pack, readable, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import LARGEST, Transaction
from workmill.words.errors import InvalidOption
from workmill.words.job import JobState
from workmill.words.ticks import LAST, ticks

EVERY_JOB = JobFilter()


def block(now: int) -> int:
    """Return the ten seconds that a moment lies in."""
    return now // 10_000_000


def find(wanted: JobFilter, limit: int, cursor: str | None, transaction: Transaction) -> Page:
    """See `Store.find`."""
    below = LARGEST if cursor is None else place_of(cursor)
    if limit <= 0:
        return Page(jobs=(), next_cursor=None)
    with transaction.snapshot():
        places = newest(wanted, min(limit, LARGEST - 1) + 1, below, transaction)
        rows = rows_at(places[:limit], transaction)
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
    named = [packed(names) for names in (wanted.states, wanted.tasks, wanted.queues)]
    if wanted.flows or wanted.schedules:
        return newest_tied(wanted, limit, below, named, transaction)
    kinds = defaultdict(list)
    for lane in transaction.batch(sql["lanes"], *named):
        for name in statements_for(lane[0]):
            kinds[name].append(lane)
    created = span(wanted, below, transaction)
    lines = [transaction.batch(sql[name], pack(lanes), *created, limit) for name, lanes in kinds.items()]
    return list(islice(heapq.merge(*lines, reverse=True), limit))


def newest_tied(
    wanted: JobFilter, limit: int, below: int, named: Sequence[str | None], transaction: Transaction
) -> list[int]:
    """Return the places of the newest jobs that match, of some flows or schedules: only theirs are read."""
    statement = statements("find")["of_flows" if wanted.flows else "of_schedules"]
    tied = (packed(wanted.flows), packed(wanted.schedules))
    found: list[int] = transaction.batch(statement, *tied, *span(wanted, below, transaction), limit, *named)
    return found


def packed(names: Sequence[str]) -> str | None:
    """Return names for a statement to read, each once; None for none in particular."""
    return pack([writable(name) for name in dict.fromkeys(names)]) if names else None


def span(wanted: JobFilter, below: int, transaction: Transaction) -> tuple[int, int, int, int]:
    """Return the first and last place where a job may be, and the moments between which it was created."""
    sql = statements("find")
    first, last, after, before = 0, below - 1, -1, LAST + 1
    if wanted.created_after is not None:
        after = ticks(wanted.created_after)
        first = number(transaction.value(sql["first"], block(after)), otherwise=LARGEST)
    if wanted.created_before is not None:
        before = ticks(wanted.created_before)
        last = min(last, number(transaction.value(sql["last"], block(before)), otherwise=LARGEST) - 1)
    return first, last, after, before


def statements_for(state: str) -> tuple[str, ...]:
    """Name the statements that find jobs of a state: each goes by the index that holds them."""
    if state == JobState.QUEUED:
        # Those in strands rest with the others.
        return "queued", "resting"
    return ("running",) if state == JobState.RUNNING else ("resting",)


def number(value: Value, *, otherwise: int) -> int:
    """Return what a statement answered, or what it means that it answered nothing."""
    return value if isinstance(value, int) else otherwise
