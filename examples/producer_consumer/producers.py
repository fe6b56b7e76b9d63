"""`python -m examples.producer_consumer.producers`: they put elements on the queue, and wait while it is full."""

import asyncio
import contextlib
import logging
import random
import time
import uuid

import click

from examples.producer_consumer.saying import Line, Part, asay, log, persistently
from examples.producer_consumer.tasks import app, bound_queue, consume
from workmill import AnyTask, QueueFull, configure_logs

NAMES = ("anna", "ben", "cleo")
BURST = 5
BEAT_SECONDS = 15.0
"""At every beat of the clock all of them begin again: together they put more than the queue holds."""
WAIT_SECONDS = 10.0


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 60),
    default=0.5,
    show_default=True,
    envvar="PRODUCER_CONSUMER_SECONDS",
    help="How long it takes to consume an element of theirs.",
)
@click.option("--quiet", is_flag=True, help="Write down only what goes wrong; the page shows what is put.")
def main(names: tuple[str, ...], seconds: float, *, quiet: bool) -> None:
    """Produce under each of these NAMES, side by side, until ctrl-C: five elements at once, then a rest."""
    configure_logs()
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    bound_queue()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(produce_together(names or NAMES, seconds))


async def produce_together(names: tuple[str, ...], seconds: float) -> None:
    """Produce under each of the names."""
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(_produce(name, seconds))


async def _produce(who: str, seconds: float) -> None:
    while True:
        for _ in range(BURST):
            await _put(who, random.randrange(10), seconds)  # noqa: S311 - any digit will do
        await asyncio.sleep(BEAT_SECONDS - time.time() % BEAT_SECONDS)


async def _put(who: str, element: int, seconds: float) -> None:
    # The key is the same in every try: what was put in one whose answer was lost is not put again.
    put = consume.using(key=str(uuid.uuid4()))
    try:
        job_id = (await persistently(lambda: put.aenqueue(element, seconds))).id
    except QueueFull:
        await _say(who, f"waits with {element}: the queue is full")
        job_id = await _wait_and_put(put, element, seconds)
    await _say(who, f"has put {element} on the queue", about=job_id)


async def _wait_and_put(put: AnyTask, element: int, seconds: float) -> str:
    while True:
        with contextlib.suppress(QueueFull):
            return (await persistently(lambda: put.using(wait=WAIT_SECONDS).aenqueue(element, seconds))).id


async def _say(who: str, what: str, *, about: str | None = None) -> None:
    line = Line(who=who, part=Part.PRODUCER, what=what, about=about)
    await persistently(lambda: asay(app, line))


if __name__ == "__main__":
    main()
