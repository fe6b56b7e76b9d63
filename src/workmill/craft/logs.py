"""Events become log lines here and nowhere else. Arguments and results are never logged."""

import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from workmill.words.emit import Emit, JobsEnqueued

if TYPE_CHECKING:
    from workmill.words.events import Event

_log = logging.getLogger("workmill")


class Events:
    """The way out for what happened: every subscriber is told of each event, in the thread where it happened."""

    def __init__(self) -> None:
        self._subscribers: tuple[Emit, ...] = (log_event,)

    def subscribe(self, subscriber: Emit) -> None:
        """Tell `subscriber` of every event from now on. It must be quick and must not block."""
        self._subscribers = (*self._subscribers, subscriber)

    def emit(self, event: "Event") -> None:
        """Tell all subscribers. One that raises is logged and harms nobody."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - a stranger's code at the edge
                _log.exception("a subscriber failed on %s", type(event).__name__)


def log_event(event: "Event") -> None:
    """Write one line for an event, where its level is wanted."""
    if isinstance(event, JobsEnqueued) and not _log.isEnabledFor(logging.DEBUG):
        return  # Most programs emit nothing else: they need not load how the others are told.
    level_of, line_of = _telling()
    level = level_of(event)
    if _log.isEnabledFor(level):
        _log.log(level, "%s", _printable(line_of(event)), extra={"event": type(event).__name__})


@cache
def _telling() -> "tuple[Callable[[Event], int], Callable[[Event], str]]":
    # Kept: an import statement costs a microsecond each time it is passed, and every job passes here twice.
    from workmill.craft.log_lines import level_of, line_of  # noqa: PLC0415 - see above

    return level_of, line_of


def _printable(line: str) -> str:
    # One event is one line, and obeyed by no terminal, whatever an exception's text holds.
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
