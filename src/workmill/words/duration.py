"""Lengths of time as callers write them."""

from datetime import timedelta
from typing import TypeAlias

from workmill.words.errors import InvalidOption

Duration: TypeAlias = timedelta | float
"""A length of time: a `timedelta`, or a number of seconds."""


def as_timedelta(duration: Duration) -> timedelta:
    """Read a `timedelta` or a number of seconds as a `timedelta`."""
    return duration if isinstance(duration, timedelta) else timedelta(seconds=duration)


def checked_length(option: str, duration: Duration) -> timedelta:
    """Read a length of time that an option gives.

    Raises:
        InvalidOption: It is no length of time, or a negative one.
    """
    try:
        length = as_timedelta(duration)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidOption(option, duration, "give a timedelta or a number of seconds") from error
    if length < timedelta(0):
        raise InvalidOption(option, duration, "give 0 seconds or more")
    return length
