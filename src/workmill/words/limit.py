"""How many jobs may run at a time, how many may begin in a length of time, and how many may wait."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption


class Scope(StrEnum):
    """What a rule is about."""

    QUEUE = "queue"
    """All jobs on one queue."""
    TASK = "task"
    """All jobs of one task, on whatever queue."""
    KEY = "key"
    """All jobs that pass one gate: each key of the rule's name is counted by itself."""


@dataclass(frozen=True, slots=True, init=False)
class Rate:
    """At most `count` attempts begin in any stretch of `per`, wherever that stretch is laid: no edges, no bursts.

    Raises:
        InvalidOption: The count is not a whole number of at least 1, or the length not above 0.
    """

    count: int
    per: timedelta

    def __init__(self, count: int, per: Duration) -> None:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InvalidOption("rate.count", count, "give a whole number, 1 or more")
        length = checked_length("rate.per", per)
        if not length:
            raise InvalidOption("rate.per", per, "give more than 0 seconds")
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "per", length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for one queue, one task, or each key of one name. None: no such limit.

    Attributes:
        running: How many may run at a time. Zero lets none begin.
        rate: How many attempts may begin in a length of time.
        waiting: How many jobs of a queue may be stored that have not begun, those to run again among them; only for
            queues.
    """

    scope: Scope
    name: str
    running: int | None = None
    rate: Rate | None = None
    waiting: int | None = None

    @property
    def says(self) -> bool:
        """Whether it says anything at all."""
        return (self.running, self.rate, self.waiting) != (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a job passes to begin: the key under which the rule of this name counts it."""

    name: str
    key: str
