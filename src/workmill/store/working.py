"""What verbs of workers, and of whoever looks after them, take and answer: frozen records."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workmill.store.records import Verdict
from workmill.words.job import Job, JobState, Progress
from workmill.words.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorker:
    """A worker that asks for a lease of `lease` length. Its id is random for every start, never reused.

    Attributes:
        queues: The queues it takes, or None for all.
        tasks: The tasks it knows.
    """

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...] | None
    tasks: tuple[str, ...]
    concurrency: int
    lease: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker as the store knows it. It is live until `lease_ends_at`; only a live worker leads."""

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...] | None
    tasks: tuple[str, ...]
    concurrency: int
    running: int
    is_live: bool
    is_leader: bool
    order: Order
    started_at: datetime
    lease_ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The answer to a renewal: whether the lease lives on, whether this worker leads, and its orders."""

    is_live: bool
    is_leader: bool
    order: Order = Order.WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """Up to `limit` jobs, for one engine of a worker, of tasks it knows on queues it takes (None for all)."""

    worker_id: str
    engine: int
    queues: tuple[str, ...] | None
    tasks: tuple[str, ...]
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One verdict for each transition, and the jobs claimed in the same transaction."""

    verdicts: tuple[Verdict, ...]
    claimed: tuple[Job, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The newest progress of one claim."""

    job_id: str
    token: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """How many jobs became queued, and how long until the next is due (zero: now; None: none is waiting for a time).

    Due in this sense are also jobs that expire, and rates that let another job begin.
    """

    count: int
    next_in: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many stored jobs of one task on one queue are in one state."""

    queue: str
    task: str
    state: JobState
    jobs: int


class Level(StrEnum):
    """How a finding of `diagnose` bears on the promises."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: what it is, how it stands, and what to do about it."""

    level: Level
    subject: str
    detail: str
    remedy: str = ""
