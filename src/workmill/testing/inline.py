"""Jobs that run the moment they are enqueued, for tests of the code that enqueues them."""

from collections.abc import Iterator
from contextlib import contextmanager

from workmill import App, JobState
from workmill.testing.draining import StillBusy

DEEPEST = 50
"""How many jobs may enqueue one another in a row."""


@contextmanager
def inline(app: App) -> Iterator[None]:
    """Run every job inside the call that enqueues it, so that its handle is done when the caller gets it.

    Nothing else changes: arguments and results go through JSON and through the store, the engine runs the job,
    middleware and time limits apply, a failed job is `failed` and raises only where its result is asked for. Retries
    follow at once, as many as the policy allows. A job with a `delay`, or one that snoozes, stays scheduled: run it
    with `drain`.

    Use it around synchronous and asynchronous code alike. Inside an `async def` task, await `aenqueue`: the blocking
    `enqueue` is refused there. Jobs that enqueue one another without end are cancelled, and the enqueue that began it
    raises `StillBusy`.

    Example:
        ```python
        with inline(app):
            assert add.enqueue(1, 2).result() == 3
        ```
    """
    before = app.after_enqueue
    app.after_enqueue = _Inline(app).run_what_waits
    try:
        yield
    finally:
        app.after_enqueue = before


class _Inline:
    """Runs what waits after every enqueue, those of the jobs themselves included, to a bounded depth."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._depth = 0
        self._is_overrun = False

    async def run_what_waits(self) -> None:
        if self._depth == DEEPEST:
            self._is_overrun = True
            await self._cancel_what_waits()
        if not self._is_overrun:
            await self._drain()
        if self._is_overrun:
            self._is_overrun = self._depth > 0
            raise StillBusy(f"{DEEPEST} jobs that run inline enqueued one another; the rest was cancelled")

    async def _drain(self) -> None:
        self._depth += 1
        try:
            await self._app.adrain(skip_delays=True)
        finally:
            self._depth -= 1

    async def _cancel_what_waits(self) -> None:
        for job in (await self._app.ajobs(states=(JobState.QUEUED,))).jobs:
            await (await self._app.ajob(job.id)).acancel("jobs that run inline enqueue one another without end")
