"""Moments and lengths of time as stores keep them: whole microseconds, since 1970 in UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // TICK
"""The latest moment that a `datetime` can name; what would lie beyond is kept as this."""


def ticks(moment: datetime) -> int:
    """Write a moment."""
    return (moment - EPOCH) // TICK


@lru_cache(maxsize=4096)
def moment(written: int) -> datetime:
    """Read a moment.

    Raises:
        ValueError: No `datetime` can name it.
    """
    try:
        return EPOCH + timedelta(microseconds=written)
    except (OverflowError, TypeError) as error:
        raise ValueError(f"not a moment: {written!r}") from error


def moment_or_none(written: int | None) -> datetime | None:
    """Read a moment that may be missing."""
    return None if written is None else moment(written)


def length_of(length: timedelta) -> int:
    """Write a length of time; none is longer than the calendar."""
    return min(length // TICK, LAST)


def later(now: int, length: timedelta) -> int:
    """Return the moment a length of time after `now`, or the last one there is."""
    return min(now + length_of(length), LAST)
