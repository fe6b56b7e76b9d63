"""The Workmill application of this example: a queue that holds ten elements, and the task that consumes one."""

import asyncio
from typing import Annotated

from pydantic import Field

from examples.producer_consumer.saying import Line, Part, asay
from workmill import App, Retry, current_job

QUEUE = "elements"
BOUND = 10
CONSUMERS = 2
CHANNEL = "producer_consumer.published"

Element = Annotated[int, Field(ge=0, le=9, description="A digit")]
Seconds = Annotated[float, Field(ge=0, le=60, description="How long it takes to consume it")]

app = App()


# Two at a time over all workers there are: a third consumer would have nothing to take.
@app.task(name="producer_consumer.consume", queue=QUEUE, limit=CONSUMERS, retry=Retry(3), keep=600, timeout=90)
async def consume(element: Element, seconds: Seconds = 0.5) -> str:
    """Consume one element, and return who did."""
    who = await _consumer()
    again = "" if current_job.attempt == 1 else " again: whoever had it is gone"
    await _say(who, f"takes {element}{again}")
    await asyncio.sleep(seconds)
    await _say(who, f"has consumed {element}")
    return who


def bound_queue() -> None:
    """Let the queue hold no more than ten elements that nobody consumes yet. Safe to repeat."""
    app.queue(QUEUE).limit(waiting=BOUND)


async def _consumer() -> str:
    """Return the name of the worker that runs the present job."""
    job = (await app.ajob(current_job.id)).record
    names = {worker.id: worker.name for worker in await app.aworkers()}
    return names.get(job.worker or "", "somebody")


async def _say(who: str, what: str) -> None:
    await asay(app, Line(who=who, part=Part.CONSUMER, what=what, about=current_job.id))
