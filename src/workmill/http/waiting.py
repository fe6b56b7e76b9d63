"""Bounded waits for a job, that end at once when nobody waits for them any more."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from starlette.requests import Request

from workmill import App, Job
from workmill.http.parameters import LONGEST_WAIT_SECONDS, WAIT
from workmill.http.preconditions import Tags, preferred_wait
from workmill.http.query import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long a client wants to wait, and whether it said so as a preference."""

    seconds: float
    is_preference: bool

    @property
    def headers(self) -> dict[str, str]:
        """What tells the client that its preference was heard, with the value used."""
        return {"Preference-Applied": f"wait={self.seconds:g}"} if self.is_preference else {}


def requested_wait(request: Request, query: Query) -> Wait:
    """Return the wait that the query or else the Prefer header asks for, cut to the longest there is."""
    asked, preferred = query.one(WAIT), preferred_wait(request)
    seconds = asked if asked is not None else preferred or 0
    return Wait(seconds=min(seconds, LONGEST_WAIT_SECONDS), is_preference=asked is None and preferred is not None)


async def wait_for_job(request: Request, app: App, job_id: str, wait: Wait, *, unless: Tags | None = None) -> Job:
    """Return a job when it is final, the time is up, or the client has gone.

    Args:
        request: Whose client waits.
        app: Where the job is.
        job_id: Which job.
        wait: For how long.
        unless: Versions that the client has; with them, any other version ends the wait as well.

    Raises:
        JobNotFound: It is not stored.
    """
    handle = await app.ajob(job_id)
    if wait.seconds == 0 or handle.done or (unless is not None and not unless.match(handle.record.version)):
        return handle.record
    since = None if unless is None else handle.record.version
    await first_of(handle.arefresh(wait.seconds, since=since), client_gone(request))
    return handle.record


async def client_gone(request: Request) -> None:
    """Return when the client has gone; only after its body was read."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


async def first_of(*waits: Coroutine[object, object, object], seconds: float | None = None) -> None:
    """Return when one of the waits has ended or the time is up; the others are cancelled and awaited.

    Raises:
        Exception: What the wait that ended first raised.
    """
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
