"""What an application reads of its store: checked filters, and the plain questions over a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from workmill.craft.client import Session
from workmill.store import JobFilter
from workmill.words.errors import InvalidOption
from workmill.words.job import JobState
from workmill.words.moment import check_aware
from workmill.words.order import Order

if TYPE_CHECKING:
    from workmill.store import Count, Finding, Page, Worker

LONGEST_PAGE = 1000


def job_filter(
    states: Sequence[JobState | str],
    tasks: Sequence[str],
    queues: Sequence[str],
    created_after: datetime | None,
    created_before: datetime | None,
    *,
    flows: Sequence[str] = (),
    schedules: Sequence[str] = (),
) -> JobFilter:
    """Make a filter of what a caller gives.

    Raises:
        InvalidOption: A state is none, a time has no zone, or one text stands where a list of them belongs.
    """
    return JobFilter(
        states=tuple(_state(state) for state in _several("states", states)),
        tasks=tuple(_several("tasks", tasks)),
        queues=tuple(_several("queues", queues)),
        flows=tuple(_several("flows", flows)),
        schedules=tuple(_several("schedules", schedules)),
        created_after=None if created_after is None else check_aware("created_after", created_after),
        created_before=None if created_before is None else check_aware("created_before", created_before),
    )


def _several(option: str, names: Sequence[str]) -> Sequence[str]:
    if isinstance(names, str):  # Its letters would be taken for names.
        raise InvalidOption(option, names, f"give a list or a tuple, such as [{names!r}]")
    return names


def _state(state: JobState | str) -> JobState:
    try:
        return JobState(state)
    except ValueError:
        raise InvalidOption("states", state, f"name any of {', '.join(JobState)}") from None


def listing(wanted: JobFilter, limit: int, cursor: str | None) -> Callable[[Session], Awaitable[Page]]:
    """Make the question for one page of jobs.

    Raises:
        InvalidOption: The limit is not from 1 to 1,000.
    """
    if not isinstance(limit, int) or not 1 <= limit <= LONGEST_PAGE:
        raise InvalidOption("limit", limit, f"give a whole number from 1 to {LONGEST_PAGE}")
    return lambda session: session.store.find(wanted, limit=limit, cursor=cursor)


async def counts(session: Session) -> list[Count]:
    """Count the stored jobs."""
    return await session.store.counts()


def ordering(worker_ids: Sequence[str], order: Order) -> Callable[[Session], Awaitable[list[bool]]]:
    """Give workers an order."""
    return lambda session: session.store.order(worker_ids, Order(order))


async def workers(session: Session) -> list[Worker]:
    """List the workers."""
    return await session.store.workers()


async def diagnose(session: Session) -> list[Finding]:
    """Look at the store's health."""
    return await session.store.diagnose()


async def now(session: Session) -> datetime:
    """Ask the store for the time."""
    return await session.store.now()
