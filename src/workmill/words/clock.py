"""Time as a value that can be handed in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Answers the present moment as an aware UTC datetime."""
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


def system_clock() -> datetime:
    """Return the machine's present moment in UTC."""
    return datetime.now(UTC)


def later(moment: datetime, length: timedelta) -> datetime:
    """Return the moment a length of time after another, or the last there is when that lies beyond it."""
    return moment + min(length, LAST_MOMENT - moment)
