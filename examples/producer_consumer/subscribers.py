"""`python -m examples.producer_consumer.subscribers`: each of them hears all that is published while it lives."""

import asyncio
import contextlib
import logging

import click

from examples.producer_consumer.saying import Line, Part, asay, log, persistently
from examples.producer_consumer.tasks import CHANNEL, app
from workmill import configure_logs

NAMES = ("finn", "gina", "hugo")
WAIT_SECONDS = 20.0
"""How long one hears nothing before it says that it is still there."""
LONGEST_SHOWN = 100


@click.command()
@click.argument("names", nargs=-1)
@click.option("--quiet", is_flag=True, help="Write down only what goes wrong; the page shows what is heard.")
def main(names: tuple[str, ...], *, quiet: bool) -> None:
    """Listen under each of these NAMES, side by side, until ctrl-C."""
    configure_logs()
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listen_together(names or NAMES))


async def listen_together(names: tuple[str, ...]) -> None:
    """Listen under each of the names."""
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(_listen(name))


async def _listen(who: str) -> None:
    async with app.subscribe(CHANNEL) as messages:
        await _say(who, "listens")
        while True:
            message = await persistently(lambda: messages.anext(WAIT_SECONDS))
            if message is None:
                await _say(who, "still listens")
            else:
                await _say(who, f"has heard {str(message.data)[:LONGEST_SHOWN]}", about=message.id)


async def _say(who: str, what: str, *, about: str | None = None) -> None:
    line = Line(who=who, part=Part.SUBSCRIBER, what=what, about=about)
    await persistently(lambda: asay(app, line))


if __name__ == "__main__":
    main()
