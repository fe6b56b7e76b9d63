"""The rules that a job carries with it, so that any process can decide what follows an attempt."""

from dataclasses import dataclass
from datetime import timedelta

from workmill.words.retry import Backoff

KEEP = timedelta(days=7)
MAX_DEATHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often a job may run, for how long, and how long its record stays.

    `max_attempts` bounds attempts that ended by themselves; `max_deaths` bounds, apart from them, the runs during
    which a worker died. So a job is claimed at most `max_attempts + max_deaths - 1` times, and runs given back by
    a worker that stopped are not counted.
    """

    max_attempts: int = 1
    max_deaths: int = MAX_DEATHS
    backoff: Backoff = Backoff()
    timeout: timedelta | None = None
    keep: timedelta = KEEP
