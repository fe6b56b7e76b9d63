"""A worker's process tree, for whoever owns the process: the command line, or a program of its own."""

from workmill.craft.logs import Events
from workmill.running.options import SupervisorOptions


def run_worker_tree(options: SupervisorOptions) -> int:
    """Run a supervisor and its engines until TERM or INT and return an exit code, as `run_supervisor` says.

    The first signal drains, the second stops now. Call it in the main thread of a process without other children.

    Raises:
        ConfigError: The store lives inside one process, or the health port cannot be served.
        SchemaMismatch: A newer version wrote the store.
    """
    from workmill.running.supervisor import run_supervisor  # noqa: PLC0415 - only who runs workers needs what runs them

    return run_supervisor(options, emit=Events().emit)
