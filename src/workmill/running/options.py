"""What a worker may be told: how long its lease is, what it takes, and for a supervisor, what it runs."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from workmill.running import overstay
from workmill.running.extras import Extra
from workmill.running.health import health_address
from workmill.running.wear import Limits
from workmill.store import NewWorker
from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption
from workmill.words.lease import LEASE, LONGEST_LEASE, SHORTEST_LEASE
from workmill.words.names import check_name
from workmill.words.size import Size, checked_size

GRACE = timedelta(seconds=25)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How one worker works.

    Attributes:
        name: What people call it; the host and the process id unless given.
        queues: The queues it takes, or None for all.
        concurrency: How many jobs run at a time in each engine.
        lease: How long after its last sign of life its jobs are taken from it.

    Raises:
        InvalidOption: One of them is out of its range.
    """

    name: str | None = None
    queues: tuple[str, ...] | None = None
    concurrency: int = 16
    lease: timedelta = LEASE

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name("name", self.name)
        for queue in self.queues or ():
            check_name("queues", queue)
        if self.queues == ():
            raise InvalidOption("queues", self.queues, "name at least one queue, or None for all")
        if self.concurrency < 1:
            raise InvalidOption("concurrency", self.concurrency, "give 1 or more")
        if not SHORTEST_LEASE <= self.lease <= LONGEST_LEASE:
            raise InvalidOption("lease", self.lease, "give at least 1 second and at most 1 day")

    def new_worker(self, worker_id: str, tasks: tuple[str, ...], *, engines: int = 1, solos: int = 0) -> NewWorker:
        """Make the worker that will ask for a lease."""
        host = socket.gethostname()
        return NewWorker(
            id=worker_id,
            name=self.name or f"{host}:{os.getpid()}",
            host=host,
            pid=os.getpid(),
            queues=self.queues,
            tasks=tasks,
            concurrency=self.concurrency * engines + solos,
            lease=self.lease,
        )


def worker_options(queues: Sequence[str] | None, concurrency: int, name: str | None, lease: Duration) -> WorkerOptions:
    """Make the options of what a caller gives.

    Raises:
        InvalidOption: One of them is out of its range.
    """
    chosen = None if queues is None else tuple(queues)
    return WorkerOptions(queues=chosen, concurrency=concurrency, name=name, lease=checked_length("lease", lease))


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorOptions:
    """What a supervisor runs, and how.

    Attributes:
        target: The application, `module:attribute`; only the engine children import it.
        folder: Where it is imported from.
        worker: How the worker works.
        engines: How many engine children there are.
        solos: How many jobs of tasks with `process=True` run at a time, each in its process; None: one for each core.
        grace: How long a drain may take before it becomes a stop.
        overstay: How long a job may go on when its time is over or it was cancelled, before its engine is replaced.
        max_jobs: After how many jobs a process that runs jobs makes room for a fresh one; None: never.
        max_memory: With how much memory held it does so, such as `"512MB"`; None: however much.
        health: Where `/livez` and `/readyz` are served, `host:port` on this machine; None: nowhere.
        reload: Whether a change of a Python file in `folder` restarts the engines and extras, as HUP does.
        extras: Commands that start and end with the worker.
        log_level: What engine children log; None: they set up no logging.
        log_format: In which form, as `logging` understands it.

    Raises:
        InvalidOption: A number is out of its range.
        ConfigError: `health` is no address of this machine.
    """

    target: str
    folder: Path = field(default_factory=Path.cwd)
    worker: WorkerOptions = WorkerOptions()
    engines: int = 1
    solos: int | None = None
    grace: timedelta = GRACE
    overstay: timedelta = overstay.GRACE
    max_jobs: int | None = None
    max_memory: Size | None = None
    health: str | None = None
    reload: bool = False
    extras: tuple[Extra, ...] = ()
    log_level: str | None = None
    log_format: str | None = None

    def __post_init__(self) -> None:
        if self.engines < 1:
            raise InvalidOption("engines", self.engines, "give 1 or more")
        if self.solos is not None and self.solos < 1:
            raise InvalidOption("solos", self.solos, "give 1 or more, or None for one for each core")
        for option, length in (("grace", self.grace), ("overstay", self.overstay)):
            if length < timedelta(0):
                raise InvalidOption(option, length, "give 0 seconds or more")
        if self.max_jobs is not None and self.max_jobs < 1:
            raise InvalidOption("max_jobs", self.max_jobs, "give 1 or more, or None for no limit")
        _ = self.limits
        if self.health is not None:
            health_address(self.health)

    @property
    def limits(self) -> Limits:
        """When a process has run enough."""
        memory = None if self.max_memory is None else checked_size("max_memory", self.max_memory)
        return Limits(jobs=self.max_jobs, memory=memory)

    @property
    def solo_processes(self) -> int:
        """How many solo processes there may be."""
        return self.solos or _cores()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
