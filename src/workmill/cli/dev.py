"""`workmill dev`: a worker, the dashboard and the HTTP API in one process tree, for the machine in front of you."""

import sys
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from workmill import Extra, SupervisorOptions, WorkerOptions, configure_logs, run_worker_tree
from workmill.cli.exits import Exit
from workmill.cli.listening import listen
from workmill.cli.loading import find_app
from workmill.cli.options import AppArgument, LogLevel, Whole

HOST = "127.0.0.1"
GRACE = timedelta(seconds=5)
"""How long a job may finish at ctrl-C or with its old code: who sits before the machine does not want to wait."""


def dev(
    app: AppArgument = None,
    *,
    port: Annotated[Whole, Parameter(help="Where the dashboard and the HTTP API listen, on this machine only.")] = 8000,
    concurrency: Annotated[Whole, Parameter(name=("--concurrency", "-c"), help="How many jobs run at a time.")] = 16,
    reload: Annotated[bool, Parameter(help="Take up changes of the application's Python files.")] = True,
    log_level: LogLevel = "info",
) -> int:
    """Run a worker, the dashboard and the HTTP API here, in one process tree, and reload when the code changes."""
    configure_logs(log_level, "pretty")
    address = find_app(app)
    listener = listen(HOST, port)
    if listener is None:
        return Exit.FAILURE
    listener.set_inheritable(True)  # Each server takes it over from the one before, and no request is refused.
    # Without a word of its own the server finds the application where this command found it, folder included.
    named = [app] if app else []
    words = ["--fd", str(listener.fileno()), "--log-level", log_level, "--log-format", "pretty"]
    command = (sys.executable, "-m", "workmill", "web", *named, *words)
    server = Extra(name="web", command=command, inherits=(listener.fileno(),))
    return run_worker_tree(
        SupervisorOptions(
            target=address.spec,
            folder=address.folder,
            worker=WorkerOptions(concurrency=concurrency),
            grace=GRACE,
            reload=reload,
            extras=(server,),
            log_level=log_level,
            log_format="pretty",
        )
    )
