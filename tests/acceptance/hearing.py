"""Hearing what the producers, consumers and subscribers of an example say."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from examples.producer_consumer.saying import CHANNEL, Line, Part
from workmill import App, Messages

DEADLINE_SECONDS = 60.0


class Ear:
    """All that was said since a moment, in order."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.lines: list[Line] = []

    def until(self, is_enough: Callable[[], bool]) -> None:
        """Hear until this holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_enough():
            message = self._messages.next(max(deadline - time.monotonic(), 0.0))
            assert message is not None, self.lines[-20:]
            assert isinstance(message.data, dict)
            self.lines.append(Line(**message.data))

    def said(self, part: Part, what: str, *who: str) -> list[Line]:
        """Return the lines of a part that begin so, of these or of everybody."""
        return [
            line
            for line in self.lines
            if line.part == part and line.what.startswith(what) and (not who or line.who in who)
        ]


@contextmanager
def hearing(app: App) -> Iterator[Ear]:
    """Hear what is said from now on."""
    with app.subscribe(CHANNEL, buffer=1000) as messages:
        yield Ear(messages)
