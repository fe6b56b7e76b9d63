"""`workmill dev`: a worker and the HTTP API in one process tree, for the machine in front of you."""

import sys
from typing import Annotated

from cyclopts import Parameter

from workmill import Extra, SupervisorOptions, WorkerOptions, configure_logs, run_worker_tree
from workmill.cli.loading import find_app
from workmill.cli.options import AppArgument, LogLevel, Whole


def dev(
    app: AppArgument = None,
    *,
    port: Annotated[Whole, Parameter(help="Where the HTTP API listens, on this machine only.")] = 8000,
    concurrency: Annotated[Whole, Parameter(name=("--concurrency", "-c"), help="How many jobs run at a time.")] = 16,
    log_level: LogLevel = "info",
) -> int:
    """Run a worker and the HTTP API in one process tree, on this machine only."""
    configure_logs(log_level, "pretty")
    address = find_app(app)
    # Without a word of its own the server finds the application where this command found it, folder included.
    named = [app] if app else []
    words = ["--host", "127.0.0.1", "--port", str(port), "--log-level", log_level, "--log-format", "pretty"]
    server = Extra(name="web", command=(sys.executable, "-m", "workmill", "web", *named, *words))
    return run_worker_tree(
        SupervisorOptions(
            target=address.spec,
            folder=address.folder,
            worker=WorkerOptions(concurrency=concurrency),
            extras=(server,),
            log_level=log_level,
            log_format="pretty",
        )
    )
