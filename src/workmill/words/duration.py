"""Lengths of time as callers write them."""

from datetime import timedelta
from typing import TypeAlias

Duration: TypeAlias = timedelta | float
"""A length of time: a `timedelta`, or a number of seconds."""


def as_timedelta(duration: Duration) -> timedelta:
    """Read a `timedelta` or a number of seconds as a `timedelta`."""
    return duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
