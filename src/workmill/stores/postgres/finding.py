"""Listing jobs, newest first."""

from workmill.store import JobFilter, Page
from workmill.stores.postgres.rows import readable
from workmill.stores.postgres.session import Session
from workmill.words.errors import InvalidOption
from workmill.words.job import FINAL_STATES, JobState
from workmill.words.ticks import LAST, ticks

LARGEST = 2**63 - 1
LARGEST_LIMIT = 2**31 - 1

WINDOW = 5000
"""Among so many of the newest jobs queued ones are looked for first: there most of them are."""
DISORDER = 300_000_000
"""By so much, in microseconds, the moments of jobs may disagree with their order: a server's clock can be set."""


async def find(wanted: JobFilter, limit: int, cursor: str | None, session: Session) -> Page:
    """See `Store.find`."""
    below = LARGEST if cursor is None else place_of(cursor)
    if limit <= 0:
        return Page(jobs=(), next_cursor=None)
    states = wanted.states or tuple(JobState)
    values = {
        **await bounds(wanted, below, session),
        "limit": min(limit, LARGEST_LIMIT) + 1,
        "states": [str(state) for state in states],
        "finals": [str(state) for state in dict.fromkeys(states) if state in FINAL_STATES],
        "tasks": storable(wanted.tasks),
        "queues": storable(wanted.queues),
    }
    if wanted.flows or wanted.schedules:
        ties = {"flows": storable(wanted.flows), "schedules": storable(wanted.schedules)}
        places = [row[0] for row in await session.run("find", "tied", values | ties)]
    elif wanted.states or wanted.tasks or wanted.queues:
        places = await some(values, has_queued=JobState.QUEUED in states, session=session)
    else:
        places = [row[0] for row in await session.run("find", "all", values)]
    rows = await session.run("find", "rows", [places[:limit]])
    return Page(jobs=tuple(readable(rows)), next_cursor=str(places[limit - 1]) if len(places) > limit else None)


async def bounds(wanted: JobFilter, below: int, session: Session) -> dict[str, object]:
    """Return between which moments jobs are wanted, and between which places these can be."""
    after, before, above = -1, LAST + 1, 0
    if wanted.created_after is not None:
        after = ticks(wanted.created_after)
        above = await place_at(after - DISORDER, session)
    if wanted.created_before is not None:
        before = ticks(wanted.created_before)
        below = min(below, await place_at(before + DISORDER, session))
    return {"after": after, "before": before, "above": above, "below": below}


async def place_at(moment: int, session: Session) -> int:
    """Return the place before which jobs are older."""
    ((place,),) = await session.run("find", "place", {"moment": moment})
    return int(place)


async def some(values: dict[str, object], *, has_queued: bool, session: Session) -> list[int]:
    """Return the places of a page's jobs.

    A queued job has no place of its own in an index: it is one that is nowhere else. So the newest jobs are looked
    through, and where that does not fill the page, the whole line of each lane.
    """
    near = 0
    if has_queued:
        for (lowest,) in await session.run("find", "near", values | {"window": WINDOW}):
            near = lowest
    places = [row[0] for row in await session.run("find", "some", values | {"near": near})]
    is_full = len(places) == values["limit"] and places[-1] >= near
    if near and not is_full:
        places = [row[0] for row in await session.run("find", "some", values | {"near": None})]
    return places


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
