"""At which call of the store what goes wrong."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What goes wrong at a crash point."""

    REFUSED = "refused"
    """The call fails before it does anything."""
    UNANSWERED = "unanswered"
    """The call takes effect, and its answer is lost."""
    KILLED_BEFORE = "killed before"
    """The process dies before the call does anything."""
    KILLED_AFTER = "killed after"
    """The process dies when the call has taken effect, before its answer is used."""

    @property
    def kills(self) -> bool:
        """Whether the process dies."""
        return self in {Mode.KILLED_BEFORE, Mode.KILLED_AFTER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The `number`-th call of a verb, from 1, and what goes wrong there."""

    verb: str
    number: int
    mode: Mode

    def __str__(self) -> str:
        return f"{self.mode} at {self.verb} {self.number}"


class Plan:
    """Counts the calls of one run, and knows the one point at which something goes wrong, if any."""

    def __init__(self, point: Point | None = None) -> None:
        self.point = point
        self.calls: Counter[str] = Counter()
        self.was_reached = False
        self.is_armed = True
        """Whether calls count: the recovery's do not."""

    def count(self, verb: str) -> Mode | None:
        """Count a call, and say what goes wrong at it."""
        if not self.is_armed:
            return None
        self.calls[verb] += 1
        point = self.point
        if point is None or (point.verb, point.number) != (verb, self.calls[verb]):
            return None
        self.was_reached = True
        return point.mode
