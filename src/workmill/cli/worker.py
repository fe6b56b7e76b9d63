"""`workmill worker`: run a worker until it is told to stop."""

import os
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from workmill import SupervisorOptions, WorkerOptions, configure_logs, run_worker_tree
from workmill.cli.health import VARIABLE
from workmill.cli.loading import find_app
from workmill.cli.options import AppArgument, LogFormat, LogLevel, Names, Seconds, Whole, as_length, read_whole


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The processes that run jobs: how many, and when they are worn."""

    engines: Annotated[Whole, Parameter(help="How many processes run jobs.")] = 1
    solos: Annotated[
        int | None,
        Parameter(
            converter=read_whole,
            help="How many jobs of tasks with process=True run at a time; without it, one for each core.",
        ),
    ] = None
    max_jobs: Annotated[
        int | None,
        Parameter(
            converter=read_whole, help="After how many jobs a process that runs jobs makes room for a fresh one."
        ),
    ] = None
    max_memory: Annotated[
        str | None, Parameter(metavar="SIZE", help="With how much memory it does so, such as 512MB or 2GiB.")
    ] = None


PROCESSES = Processes()


def worker(
    app: AppArgument = None,
    *,
    queues: Annotated[Names, Parameter(name=("--queues", "-q"), help="The queues to take from; without it, all.")] = (),
    concurrency: Annotated[
        Whole, Parameter(name=("--concurrency", "-c"), help="How many jobs each engine runs at a time.")
    ] = 16,
    name: Annotated[str | None, Parameter(help="What people call it; without it, the host and process id.")] = None,
    lease: Annotated[
        Seconds, Parameter(help="How long after its last sign of life its jobs are taken from it.")
    ] = 15.0,
    grace: Annotated[Seconds, Parameter(help="How long running jobs may finish after the first TERM or INT.")] = 25.0,
    processes: Processes = PROCESSES,
    health: Annotated[
        str | None,
        Parameter(
            metavar="HOST:PORT",
            help=f"Serve /livez and /readyz there, on this machine; without it, where {VARIABLE} says.",
        ),
    ] = None,
    reload: Annotated[
        bool, Parameter(negative=(), help="Restart the engines whenever a Python file of the application changes.")
    ] = False,
    log_level: LogLevel = "info",
    log_format: LogFormat = "auto",
) -> int:
    """Run a worker until it is told to stop.

    The first TERM or INT lets running jobs finish and takes no more; the second stops now. What could not finish goes
    back to its queue without costing an attempt. HUP restarts the processes that run jobs, with new code and without a
    pause.
    """
    configure_logs(log_level, log_format)
    address = find_app(app)
    chosen = WorkerOptions(name=name, queues=queues or None, concurrency=concurrency, lease=as_length(lease))
    return run_worker_tree(
        SupervisorOptions(
            target=address.spec,
            folder=address.folder,
            worker=chosen,
            engines=processes.engines,
            solos=processes.solos,
            grace=as_length(grace),
            max_jobs=processes.max_jobs,
            max_memory=processes.max_memory,
            health=health or os.environ.get(VARIABLE) or None,
            reload=reload,
            log_level=log_level,
            log_format=log_format,
        )
    )
