"""A job as it is stored, and what is said about it. Records only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workmill.words.outcome import Failure
from workmill.words.policy import Policy
from workmill.words.state import FINAL_STATES as FINAL_STATES  # noqa: PLC0414 - everybody knows it from here
from workmill.words.state import JobState as JobState  # noqa: PLC0414 - likewise
from workmill.words.ties import After, Ties
from workmill.words.unique import Uniqueness


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a running job says it is: `current` of `total` in units of its own, and a line of text."""

    current: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """One call of a task that is not stored yet.

    `id` is made by the caller before the first try, so that repeating an enqueue whose answer was lost stores the
    job once. At most one of `delay` (counted by the store's clock) and `run_at` is set. `retry_of` names the job that
    this one repeats by hand. Of a job that follows others, `delay` is counted from when it may be queued.
    """

    id: str
    task: str
    queue: str
    priority: int
    args: bytes
    policy: Policy
    key: str | None = None
    delay: timedelta | None = None
    run_at: datetime | None = None
    retry_of: str | None = None
    unique: Uniqueness | None = None
    after: After | None = None
    ties: Ties | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One persisted call of a task, as the store had it at one moment.

    Attributes:
        args: The arguments, one JSON object.
        attempt: Runs started and not given back, from 1; 0 before the first.
        deaths: Those of them during which the worker died.
        token: The number of the newest claim; every write about the claim carries it.
        version: Rises with every stored change, progress included.
        worker: The worker that holds or last held the job.
        engine: Which of the worker's engines.
        run_at: The time before which it does not start, where there is one.
        expires_at: When a final job's record may be pruned.
        cancel_forced: Whether the request to cancel it was to end it, not to ask.
        retry_of: The job that this one repeats by hand.
        ties: What binds it to others, where anything does.
    """

    id: str
    task: str
    queue: str
    priority: int
    state: JobState
    args: bytes
    policy: Policy
    key: str | None
    attempt: int
    deaths: int
    token: int
    version: int
    progress: Progress | None
    result: bytes | None
    failure: Failure | None
    worker: str | None
    engine: int | None
    created_at: datetime
    run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    cancel_requested_at: datetime | None
    cancel_reason: str | None
    cancel_forced: bool = False
    retry_of: str | None = None
    ties: Ties | None = None

    @property
    def failures(self) -> int:
        """How many attempts count against `policy.max_attempts`: all but those a worker's death ended."""
        return self.attempt - self.deaths


class Ending(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SNOOZED = "snoozed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of a job that is over: which claim, who, when, how it ended."""

    number: int
    token: int
    worker: str | None
    started_at: datetime | None
    ended_at: datetime
    ending: Ending
    failure: Failure | None
