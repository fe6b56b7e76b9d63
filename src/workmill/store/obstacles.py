"""What holds a job back, as far as the store knows."""

from dataclasses import dataclass
from datetime import datetime

from workmill.store.rules import Pause
from workmill.words.limit import Rule

MOST_NAMED = 10
"""How many jobs an obstacle names at most; how many there are is said beside."""
MOST_AHEAD = 1000
"""How far `Obstacles.ahead` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReached:
    """A rule for `running` that lets no more begin: who runs, the longest first, and since when the first does.

    Attributes:
        key: The job's key, where the rule is about keys.
        job_ids: Up to `MOST_NAMED` of them.
    """

    rule: Rule
    key: str | None
    running: int
    job_ids: tuple[str, ...]
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateReached:
    """A rule for `rate` that lets no more begin before a moment; None where it lets none begin at all."""

    rule: Rule
    key: str | None
    opens_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacles:
    """What holds one job back now. For a job that is neither `waiting` nor `queued` all of it is empty.

    Attributes:
        paused: The pause of its queue.
        parents: Up to `MOST_NAMED` of the jobs that it waits for, in the order in which it named them.
        parents_missing: How many they are.
        ahead: How many queued jobs on its queue are taken before it, by priority and place; counted to `MOST_AHEAD`.
    """

    paused: Pause | None = None
    parents: tuple[str, ...] = ()
    parents_missing: int = 0
    limits: tuple[LimitReached, ...] = ()
    rates: tuple[RateReached, ...] = ()
    ahead: int = 0
