"""Rules that make jobs: at the times of a calendar, at intervals, or again and again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workmill.words.job import NewJob
from workmill.words.limit import Gate
from workmill.words.policy import Policy

MOST_QUEUED = 100
"""How many unfinished jobs a schedule may have for the next one to wait behind them; beyond, ticks are skipped."""


class Overlap(StrEnum):
    """What becomes of a tick while a job that the schedule has made before has not ended."""

    SKIP = "skip"
    """It makes no job."""
    QUEUE = "queue"
    """Its job waits for the end of all such jobs; where they are `MOST_QUEUED`, it makes none."""
    CANCEL = "cancel"
    """Those are cancelled, and the new job waits for their end."""
    ALLOW = "allow"
    """They run side by side."""


class Missed(StrEnum):
    """What becomes of ticks whose time went by while nobody looked."""

    ONCE = "once"
    """One job is made for the last of them."""
    SKIP = "skip"
    """None is made for those that are late."""
    ALL = "all"
    """Each makes its job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a schedule is to do.

    Attributes:
        when: When, as text, which no store reads: `cron 0 9 * * 1-5 Europe/Berlin`, `every 30`, `loop 15`.
        pause: Of a loop, the time from the end of one job to the next; None for what goes by the clock.
        overlap: For loops of no account: their jobs never overlap.
    """

    name: str
    when: str
    pause: timedelta | None
    task: str
    queue: str
    priority: int
    args: bytes
    policy: Policy
    gates: tuple[Gate, ...] = ()
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as the store has it.

    Attributes:
        is_declared: Whether code declares it; else it was made at run time.
        is_active: Whether it goes on; else it was stopped, or never started, or has no next time.
        next_at: When it makes its next job; None where it is not active, and while the job of a loop has not ended.
        last_at: The last tick that was heeded: it made a job or was skipped.
        last_job: The job that was made last.
        version: Rises with every change; one that is made anew has a higher one than any before it.
    """

    plan: Plan
    is_declared: bool
    is_active: bool
    next_at: datetime | None
    last_at: datetime | None
    last_job: str | None
    version: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule to be stored, when it begins, and whether it does so at once or waits to be started.

    Attributes:
        version: Which version of it must be stored for it to be edited; 0: none at all. None: whichever there is. Of no
            account where code declares it.
    """

    plan: Plan
    next_at: datetime | None
    is_active: bool = True
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One turn of a schedule: the jobs it makes, and when it comes next.

    Attributes:
        version: The version of the schedule that the tick was made of; None for one that a person asks for, which
            leaves `next_at` as it is.
        at: The moment it is for.
        jobs: What to store, none where the tick is skipped; more than one where missed ticks are made up for.
        next_at: When the next is due; None where there is no next, and for loops.
    """

    schedule: str
    version: int | None
    at: datetime
    jobs: tuple[NewJob, ...]
    next_at: datetime | None
