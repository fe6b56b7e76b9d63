"""What happened, as records that flow out: modules emit them, one subscriber turns them into log lines."""

from dataclasses import dataclass
from typing import TypeAlias

from workmill.words.emit import JobsEnqueued
from workmill.words.job import Job
from workmill.words.order import Order
from workmill.words.transition import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """An attempt began."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettled:
    """An attempt ended and its end is stored."""

    job: Job
    transition: Transition
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleWriteRefused:
    """A write about a claim that is no longer the newest was refused by the store."""

    job_id: str
    token: int
    verb: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRefused:
    """A task would have ended its job in a transaction of its own, but its worker had lost it: all was rolled back."""

    job_id: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LateEndIgnored:
    """A task ended its job in a transaction of its own, and what it did then says otherwise: that changes nothing."""

    job_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsRescued:
    """Jobs whose worker died were taken back."""

    job_ids: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsPruned:
    """Finished jobs past their keep time were deleted."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted:
    """A worker holds a lease and takes jobs."""

    worker_id: str
    name: str
    queues: tuple[str, ...] | None
    tasks: tuple[str, ...]
    concurrency: int
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOrdered:
    """A worker was given another order than the one it followed, and follows it from now on."""

    worker_id: str
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStopping:
    """A worker takes no more jobs; `why` says on whose word."""

    worker_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStopped:
    """A worker gave its lease back; `returned` of its jobs go to others uncounted."""

    worker_id: str
    returned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLeaseLost:
    """A worker's lease ended before it was renewed; it stops its jobs and begins anew."""

    worker_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDied:
    """A worker's child process ended by itself."""

    worker_id: str
    engine: int
    pid: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRelieved:
    """A child process of a worker leaves, and another has taken its place: it finishes what runs and takes no more."""

    worker_id: str
    engine: int
    pid: int
    successor_pid: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKept:
    """A child process of a worker was to be relieved, and works on because no other could take its place."""

    worker_id: str
    engine: int
    pid: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStuck:
    """A child process of a worker stands still: its event loop does not turn, or it does not answer at all.

    `job_id` and `task` say whose code keeps it so, where that is known, and `stack` where that code is.
    """

    worker_id: str
    engine: int
    pid: int
    seconds: float
    job_id: str | None
    task: str | None
    stack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsOverstayed:
    """Jobs did not end when their time was over or they were cancelled; `why` says what came of it."""

    job_ids: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineWornEarly:
    """A child process of a worker was worn almost as soon as it worked; the next one works so many seconds at least."""

    worker_id: str
    engine: int
    pid: int
    why: str
    least_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFailing:
    """A store call failed and is tried again after `retry_seconds`."""

    verb: str
    error: str
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAmiss:
    """Something about the store is not as it should be; a worker says so at its start."""

    subject: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyFailed:
    """A background duty met an error it did not expect; it goes on with its next round."""

    duty: str
    error: str


Event: TypeAlias = (
    JobsEnqueued
    | JobStarted
    | JobSettled
    | StaleWriteRefused
    | FinishRefused
    | LateEndIgnored
    | JobsRescued
    | JobsPruned
    | WorkerStarted
    | WorkerOrdered
    | WorkerStopping
    | WorkerStopped
    | WorkerLeaseLost
    | EngineDied
    | EngineRelieved
    | EngineKept
    | EngineWornEarly
    | EngineStuck
    | JobsOverstayed
    | StoreFailing
    | StoreAmiss
    | DutyFailed
)
