"""What an application reads of its store: checked filters, and the plain questions over a session."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from workmill.craft.client import Session
from workmill.store import Count, Finding, JobFilter, Page, Worker
from workmill.words.errors import InvalidOption
from workmill.words.job import JobState

LONGEST_PAGE = 1000


def job_filter(
    states: Sequence[JobState | str],
    tasks: Sequence[str],
    queues: Sequence[str],
    created_after: datetime | None,
    created_before: datetime | None,
) -> JobFilter:
    """Make a filter of what a caller gives.

    Raises:
        InvalidOption: A state is none.
    """
    return JobFilter(
        states=tuple(_state(state) for state in states),
        tasks=tuple(tasks),
        queues=tuple(queues),
        created_after=created_after,
        created_before=created_before,
    )


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
    if not 1 <= limit <= LONGEST_PAGE:
        raise InvalidOption("limit", limit, f"give a number from 1 to {LONGEST_PAGE}")
    return lambda session: session.store.find(wanted, limit=limit, cursor=cursor)


async def counts(session: Session) -> list[Count]:
    """Count the stored jobs."""
    return await session.store.counts()


async def workers(session: Session) -> list[Worker]:
    """List the workers."""
    return await session.store.workers()


async def diagnose(session: Session) -> list[Finding]:
    """Look at the store's health."""
    return await session.store.diagnose()


async def now(session: Session) -> datetime:
    """Ask the store for the time."""
    return await session.store.now()
