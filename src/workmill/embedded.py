"""Running jobs inside this program; what that takes is loaded when it is asked for, as most programs only enqueue."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from workmill.craft.client import Session
from workmill.craft.program import Program
from workmill.words.duration import Duration


def run_worker(
    program: Program, queues: Sequence[str] | None, concurrency: int, name: str | None, lease: Duration
) -> None:
    """Work until TERM or INT, as `App.run_worker` says."""
    from workmill.running import options, worker  # noqa: PLC0415 - loaded by who works

    worker.run_worker(program, options.worker_options(queues, concurrency, name, lease))


def working(
    program: Program, queues: Sequence[str] | None, concurrency: int, name: str | None, lease: Duration
) -> AbstractAsyncContextManager[object]:
    """Return the context in which a worker is on the running loop, as `App.working` says."""
    from workmill.running import options, worker  # noqa: PLC0415 - loaded by who works

    return worker.working(program, options.worker_options(queues, concurrency, name, lease))


def draining(
    program: Program, queues: Sequence[str] | None, limit: int | None, *, skip_delays: bool
) -> Callable[[Session], Awaitable[int]]:
    """Return what runs all that is queued, as `App.drain` says."""
    from workmill.running.drain import drain  # noqa: PLC0415 - loaded by who drains

    chosen = None if queues is None else tuple(queues)
    return lambda session: drain(program, session.store, queues=chosen, skip_delays=skip_delays, limit=limit)
