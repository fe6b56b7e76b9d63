"""The Workmill application of this example: one task, of which one job stands in the whole system at a time."""

import time
from enum import StrEnum
from threading import Lock
from typing import Annotated

from pydantic import Field

from workmill import App, Unique, current_job

STEP_SECONDS = 0.2


class Manner(StrEnum):
    """How the task goes about it."""

    WORK = "work"
    """It works, says how far it is, and returns."""
    FAIL = "fail"
    """It raises."""
    UNWRITABLE = "unwritable"
    """It returns what has no JSON form."""
    STUCK = "stuck"
    """It never yields and never ends by itself."""


Seconds = Annotated[float, Field(ge=0, le=3600, description="How long it works")]

app = App()


# A process of its own, because only a process can be ended whatever its code does.
@app.task(unique=Unique(by=()), process=True, grace=0.5)
def long_task(seconds: Seconds = 10.0, manner: Manner = Manner.WORK) -> object:
    """Work for a while; while it stands in the queue or runs, no second one can be started."""
    if manner is Manner.STUCK:
        while True:
            pass
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        current_job.progress(seconds - left, seconds)
        time.sleep(min(left, STEP_SECONDS))
    if manner is Manner.FAIL:
        raise RuntimeError("it was asked to fail")
    return Lock() if manner is Manner.UNWRITABLE else f"worked for {seconds:g} s"
