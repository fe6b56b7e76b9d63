"""What producers, consumers and subscribers say they do: one line each, in the log and on a channel of its own."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from workmill import App, Message, Messages, StoreUnavailable

CHANNEL = "producer_consumer.said"
MOST_LINES = 200
WAIT_SECONDS = 30.0
AGAIN_SECONDS = 1.0

T = TypeVar("T")

log = logging.getLogger("examples.producer_consumer")

Word = Annotated[str, Field(max_length=200)]


class Part(StrEnum):
    """The part that somebody plays."""

    PRODUCER = "producer"
    CONSUMER = "consumer"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What somebody said. `about` is the id of the job or the message that it is about, where it is about one."""

    who: Word
    part: Part
    what: Word
    about: Word | None = None


def say(app: App, line: Line) -> None:
    """Write a line to the log, and publish it for whoever listens."""
    _log(line)
    app.publish(CHANNEL, asdict(line))


async def asay(app: App, line: Line) -> None:
    """Do as `say` does, awaited."""
    _log(line)
    await app.apublish(CHANNEL, asdict(line))


async def persistently(work: Callable[[], Awaitable[T]]) -> T:
    """Do what must be harmless to repeat, again and again while the store does not answer."""
    while True:
        try:
            return await work()
        except StoreUnavailable as error:
            log.warning("the store does not answer: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)


class Hearing:
    """The newest lines that were said anywhere since `start`: no more than 200, however much is said.

    It listens in a thread, which a process that was forked off lacks; `start` gives it one of its own.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lines: deque[tuple[datetime, Line]] = deque(maxlen=MOST_LINES)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def lines(self) -> list[tuple[datetime, Line]]:
        """The lines and when they were said, the newest first."""
        return list(self._lines)[::-1]

    @property
    def is_on(self) -> bool:
        """Whether this process listens."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen from now on, where nobody does yet.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        with self._starting:
            if self.is_on:
                return
            messages = self._app.subscribe(CHANNEL)
            messages.__enter__()  # here, so that what is said after this call is heard
            self._thread = threading.Thread(target=self._listen, args=(messages,), name="hearing", daemon=True)
            self._thread.start()

    def _listen(self, messages: Messages) -> None:
        rest = threading.Event()
        while True:
            try:
                message = messages.next(WAIT_SECONDS)
            except StoreUnavailable as error:
                log.warning("cannot hear what is said: %s", error)
                rest.wait(AGAIN_SECONDS)  # nothing is missed meanwhile
            else:
                self._keep(message)

    def _keep(self, message: Message | None) -> None:
        line = None if message is None else _line(message)
        if message is not None and line is not None:
            self._lines.append((message.published_at, line))


_LINES = TypeAdapter(Line)


def _line(message: Message) -> Line | None:
    try:
        return _LINES.validate_python(message.data)
    except ValidationError:
        return None  # whoever may publish may publish anything


def _log(line: Line) -> None:
    log.info("%s %s %s", line.part, line.who, line.what)
