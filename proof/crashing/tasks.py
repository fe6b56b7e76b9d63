"""The tasks that run on a stage. They wait at gates, never for time."""

import asyncio

from proof.histories.entry import Op
from proof.histories.noting import Noting, present_job
from proof.histories.pen import Pen
from workmill import App, Limit, Rate, Retry, Snooze, Unique, current_job

RETRY = Retry(2, first=2, jitter=0)
PACE_SECONDS = 5
"""Of so many seconds no stretch has more than two starts of one task."""


class Gates:
    """Gates that code of a given token waits at; open unless they were shut."""

    def __init__(self) -> None:
        self._gates: dict[int, asyncio.Event] = {}
        self.reached = asyncio.Event()
        """Set when code has come to a gate that is shut."""

    def shut(self, *tokens: int) -> None:
        """Let code of these tokens wait."""
        for token in tokens:
            self._gates[token] = asyncio.Event()

    def open(self, token: int) -> None:
        """Let code of a token go on."""
        self._gates[token].set()

    async def passed(self, token: int) -> None:
        """Wait until the gate is open."""
        gate = self._gates.get(token)
        if gate is not None:
            self.reached.set()
            await gate.wait()


def application(pen: Pen, gates: Gates) -> App:
    """Make the application of one stage."""
    app = App("memory://", middleware=[Noting(pen)])

    @app.task(retry=RETRY)
    async def quick(number: int) -> str:
        return f"{number}:{present_job().token}"

    @app.task(retry=RETRY)
    async def gated(number: int) -> str:
        token = present_job().token
        say(pen, f"{token}/begun", 0)
        await gates.passed(token)
        if token == 1:  # Later claims say nothing more, so that a late word of the first would stand.
            say(pen, f"{token}/done", 1)
        return f"{number}:{token}"

    @app.task(retry=RETRY)
    async def failing_once(number: int) -> str:
        if current_job.attempt == 1:
            raise ValueError("the first attempt fails")
        return f"{number}:{present_job().token}"

    @app.task(retry=RETRY)
    async def failing(number: int) -> str:
        await gates.passed(present_job().token)
        raise ValueError(f"{number} fails always")

    @app.task
    async def snoozing(number: int) -> str:
        if present_job().token == 1:
            raise Snooze(2)
        return f"{number}:{present_job().token}"

    add_ruled(app)
    return app


def add_ruled(app: App) -> None:
    """Add the tasks that rules hold for."""

    @app.task(retry=RETRY, unique=Unique(by=()))
    async def single(number: int) -> str:
        return f"{number}:{present_job().token}"

    @app.task(retry=RETRY, limit=Limit(1))
    async def narrow(number: int) -> str:
        return f"{number}:{present_job().token}"

    @app.task(retry=RETRY, limit=Limit(1, key="{number}"))
    async def keyed(number: int) -> str:
        return f"{number}:{present_job().token}"

    @app.task(retry=RETRY, limit=Limit(rate=Rate(2, per=PACE_SECONDS)))
    async def paced(number: int) -> str:
        return f"{number}:{present_job().token}"


def say(pen: Pen, text: str, current: float) -> None:
    """Tell a progress, and write down that it was told."""
    pen.write(Op.PROGRESS, job=present_job().id, token=present_job().token, kind=text)
    current_job.progress(current, 1, text)
