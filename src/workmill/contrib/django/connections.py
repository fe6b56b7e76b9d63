"""Django's connections round a job, as Django itself has them round a request: none is older or deader than allowed."""

from collections.abc import Iterator
from contextlib import contextmanager

from asgiref.sync import sync_to_async
from django.db import close_old_connections, reset_queries  # type: ignore[import-untyped] # it has no types

from workmill import CallNext, Job


@contextmanager
def tidy(_: Job) -> Iterator[None]:
    """Close what the thread's connections have outlived, before and after: for `App.surround`."""
    _tidy()
    try:
        yield
    finally:
        _tidy()


async def tidy_awaited(job: Job, call_next: CallNext) -> object:  # noqa: ARG001 - as middleware is called
    """Do so in the thread in which Django runs what a coroutine awaits of the database: as middleware of an `App`."""
    await sync_to_async(_tidy)()
    try:
        return await call_next()
    finally:
        await sync_to_async(_tidy)()


def _tidy() -> None:
    reset_queries()
    close_old_connections()
