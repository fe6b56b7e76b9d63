"""Moments as callers write them."""

from datetime import UTC, datetime

from workmill.words.errors import InvalidOption


def check_aware(option: str, moment: datetime) -> datetime:
    """Return a moment in UTC.

    Raises:
        InvalidOption: It is no datetime, has no time zone, or lies outside the calendar in UTC.
    """
    try:
        if isinstance(moment, datetime) and moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except OverflowError:
        pass
    raise InvalidOption(option, moment, "give a datetime with a time zone, such as datetime.now(UTC)")
