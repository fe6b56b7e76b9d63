"""Listing jobs, newest first: page by page, and each page in steps that hold the server up for milliseconds at most."""

from workmill.store import JobFilter, Page
from workmill.stores.redis.rows import Row, pack, readable
from workmill.stores.redis.session import Session
from workmill.words.codec import Json
from workmill.words.errors import InvalidOption
from workmill.words.ticks import ticks

LARGEST = 2**53
"""Above every place and number that scripts can tell apart."""
LARGEST_LIMIT = 2**31 - 1
FROM_THE_NEWEST = "+inf"


async def find(wanted: JobFilter, limit: int, cursor: str | None, session: Session) -> Page:
    """See `Store.find`."""
    below: str | None = FROM_THE_NEWEST if cursor is None else str(place_of(cursor))
    if limit <= 0:
        return Page(jobs=(), next_cursor=None)
    asked, most = filter_of(wanted), min(limit, LARGEST_LIMIT) + 1
    places, rows = list[bytes](), list[Row | None]()
    while below is not None and len(rows) < most:
        step = asked | {"below": below, "limit": most - len(rows)}
        found_places, found, below = await session.run("find", pack(step))
        places += found_places
        rows += found
    next_cursor = places[limit - 1].decode() if len(rows) > limit else None
    return Page(jobs=tuple(readable(rows[:limit])), next_cursor=next_cursor)


def filter_of(wanted: JobFilter) -> dict[str, Json]:
    """Return what scripts must know of a filter; None for what it does not say."""
    return {
        "states": wanted.states or None,
        "tasks": wanted.tasks or None,
        "queues": wanted.queues or None,
        "flows": wanted.flows or None,
        "schedules": wanted.schedules or None,
        "after": None if wanted.created_after is None else ticks(wanted.created_after),
        "before": None if wanted.created_before is None else ticks(wanted.created_before),
    }


def place_of(cursor: str) -> int:
    """Read a cursor: the place in the order of the last one of the page before.

    Raises:
        InvalidOption: It is none.
    """
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= LARGEST:
        return int(cursor)
    raise foreign(cursor)


def foreign(cursor: str) -> InvalidOption:
    """Return what refuses a cursor that this store never gave."""
    return InvalidOption("cursor", cursor, "give the cursor that came with the page before, or none for the first page")
