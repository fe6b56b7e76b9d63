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

    `expires` is how long after its storing, or after its `run_at` where it has one, a job may still begin for the first
    time; one that follows others gets the `run_at` of its delay when they have ended, and until then counts from its
    storing.
    """

    max_attempts: int = 1
    max_deaths: int = MAX_DEATHS
    backoff: Backoff = Backoff()
    timeout: timedelta | None = None
    keep: timedelta = KEEP
    expires: timedelta | None = None
