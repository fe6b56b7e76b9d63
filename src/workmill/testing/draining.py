"""Running what a test has enqueued, here and now, until nothing is left."""

from datetime import datetime

from workmill import App, JobState, Page
from workmill.testing.clock import FakeClock

MOST_ATTEMPTS = 1000
_WITH_A_TIME = (JobState.SCHEDULED, JobState.RETRYING)
_WHOLE_PAGE = 1000


class StillBusy(AssertionError):
    """Jobs go on and on, more than a test can mean: one that enqueues itself again and again, perhaps."""


def drain(app: App, *, clock: FakeClock | None = None, limit: int = MOST_ATTEMPTS) -> int:
    """Run jobs one after another until none is left to run, and return how many attempts were started.

    They take the whole way: claimed from the store, run by the engine, settled. A job that waits for another job of the
    same drain waits for ever.

    Args:
        app: The application.
        clock: The application's own clock: with it, also what is scheduled or waits for a retry is run, and the clock
            is moved to each one's time.
        limit: How many attempts are too many.

    Raises:
        StillBusy: There were more than `limit` attempts.
    """
    started = 0
    while True:
        started += app.drain(limit=limit + 1 - started)
        if started > limit:
            raise StillBusy(_too_many(limit))
        due_at = None if clock is None else _next_time(app)
        if clock is None or due_at is None:
            return started
        clock.advance_to(due_at)


async def adrain(app: App, *, clock: FakeClock | None = None, limit: int = MOST_ATTEMPTS) -> int:
    """Do as `drain` does, awaited."""
    started = 0
    while True:
        started += await app.adrain(limit=limit + 1 - started)
        if started > limit:
            raise StillBusy(_too_many(limit))
        due_at = None if clock is None else await _anext_time(app)
        if clock is None or due_at is None:
            return started
        clock.advance_to(due_at)


def _too_many(limit: int) -> str:
    return f"{limit} attempts were started and jobs are still left; give a higher `limit` if so many are meant"


def _next_time(app: App) -> datetime | None:
    page = app.jobs(states=_WITH_A_TIME, limit=_WHOLE_PAGE)
    first = _first_time(page)
    while page.next_cursor is not None:
        page = app.jobs(states=_WITH_A_TIME, limit=_WHOLE_PAGE, cursor=page.next_cursor)
        first = _earlier(first, _first_time(page))
    return first


async def _anext_time(app: App) -> datetime | None:
    page = await app.ajobs(states=_WITH_A_TIME, limit=_WHOLE_PAGE)
    first = _first_time(page)
    while page.next_cursor is not None:
        page = await app.ajobs(states=_WITH_A_TIME, limit=_WHOLE_PAGE, cursor=page.next_cursor)
        first = _earlier(first, _first_time(page))
    return first


def _first_time(page: Page) -> datetime | None:
    return min((job.run_at for job in page.jobs if job.run_at is not None), default=None)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
