"""Code around every attempt: a chain of callables, the first registered outermost."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from workmill.words.codec import Json
from workmill.words.job import Job

CallNext: TypeAlias = Callable[[], Awaitable[Json]]
Surrounding: TypeAlias = Callable[[Job], AbstractContextManager[object]]
"""Makes what a task's function is called within, in the thread where it runs; see `App.surround`."""


class Middleware(Protocol):
    """Wraps one attempt: may act before and after it, replace its value, or raise in its place.

    It runs on the engine's event loop, so it must not block; a task that is a plain function still runs in its thread.
    What it raises counts as raised by the task, the three signals included. Where the task ended its job by
    `current_job.finish_in`, the end is stored before the function returns, and nothing that is done here changes it.
    """

    async def __call__(self, job: Job, call_next: CallNext) -> Json:
        """Run the attempt by `await call_next()` and return its value."""


def chain(middleware: tuple[Middleware, ...], job: Job, call: CallNext) -> CallNext:
    """Return `call` with every middleware around it."""
    for layer in reversed(middleware):
        call = _around(layer, job, call)
    return call


def _around(layer: Middleware, job: Job, inner: CallNext) -> CallNext:
    return lambda: layer(job, inner)
