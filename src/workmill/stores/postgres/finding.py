"""Listing jobs, newest first."""

from workmill.store import JobFilter, Page
from workmill.stores.postgres.moments import LAST, ticks
from workmill.stores.postgres.rows import readable
from workmill.stores.postgres.session import Session
from workmill.words.errors import InvalidOption
from workmill.words.job import FINAL_STATES, JobState

LARGEST = 2**63 - 1
LARGEST_LIMIT = 2**31 - 1


async def find(wanted: JobFilter, limit: int, cursor: str | None, session: Session) -> Page:
    """See `Store.find`."""
    below = LARGEST if cursor is None else place_of(cursor)
    if limit <= 0:
        return Page(jobs=(), next_cursor=None)
    states = wanted.states or tuple(JobState)
    values = {
        "below": below,
        "after": -1 if wanted.created_after is None else ticks(wanted.created_after),
        "before": LAST + 1 if wanted.created_before is None else ticks(wanted.created_before),
        "limit": min(limit, LARGEST_LIMIT) + 1,
        "states": [str(state) for state in states],
        "finals": [str(state) for state in dict.fromkeys(states) if state in FINAL_STATES],
        "tasks": storable(wanted.tasks),
        "queues": storable(wanted.queues),
    }
    is_narrow = bool(wanted.states or wanted.tasks or wanted.queues)
    places = [row[0] for row in await session.run("find", "some" if is_narrow else "all", values)]
    rows = await session.run("find", "rows", [places[:limit]])
    return Page(jobs=tuple(readable(rows)), next_cursor=str(places[limit - 1]) if len(places) > limit else None)


def storable(names: tuple[str, ...]) -> list[str] | None:
    """Return the names that a job can have, or None for all: no text of PostgreSQL's holds a NUL."""
    return [name for name in names if "\0" not in name] if names else None


def place_of(cursor: str) -> int:
    """Read a cursor: the place in the order of the last job of the page before.

    Raises:
        InvalidOption: It is none.
    """
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= LARGEST:
        return int(cursor)
    raise InvalidOption("cursor", cursor, "give the next_cursor of the page before, or none for the first page")
