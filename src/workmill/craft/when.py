"""When a schedule makes its jobs: at the times of a calendar, at intervals, or again and again."""

from datetime import datetime, timedelta
from typing import Final, TypeAlias

from workmill.craft.cron import Cron
from workmill.words.clock import LAST_MOMENT, later
from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption

SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(days=100 * 366)


class Every:
    """A fixed interval, counted from the schedule's start: ticks come at the same distance whatever their jobs take.

    Args:
        interval: A second or more.

    Raises:
        InvalidOption: It is shorter, or no length of time.
    """

    pause: Final = None

    def __init__(self, interval: Duration) -> None:
        self.interval = _length("every", interval, least=SHORTEST)

    def __repr__(self) -> str:
        return f"Every({_seconds(self.interval)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Every) and self.interval == other.interval

    def __hash__(self) -> int:
        return hash(self.interval)

    @property
    def text(self) -> str:
        """The schedule as it is stored."""
        return f"every {_seconds(self.interval)}"

    def first(self, now: datetime) -> datetime | None:
        """Return the first tick of a schedule that starts now."""
        return later(now, self.interval)

    def following(self, tick: datetime) -> datetime | None:
        """Return the tick that follows one."""
        after = later(tick, self.interval)
        return None if after == LAST_MOMENT else after

    def last(self, first: datetime, now: datetime) -> datetime:
        """Return the last tick that is not after `now`, `first` being one."""
        return first + (now - first) // self.interval * self.interval


class Loop:
    """Again and again: each job begins this long after the end of the one before, whether that succeeded or failed.

    The rounds of a loop never overlap, and no restart forgets the next one.

    Args:
        pause: From the end of one job to the next.

    Raises:
        InvalidOption: It is negative, or no length of time.
    """

    def __init__(self, pause: Duration) -> None:
        self.pause = _length("loop", pause, least=timedelta(0))

    def __repr__(self) -> str:
        return f"Loop({_seconds(self.pause)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loop) and self.pause == other.pause

    def __hash__(self) -> int:
        return hash(self.pause)

    @property
    def text(self) -> str:
        """The schedule as it is stored."""
        return f"loop {_seconds(self.pause)}"

    def first(self, now: datetime) -> datetime | None:
        """Return the first tick of a schedule that starts now: at once."""
        return now

    def following(self, tick: datetime) -> datetime | None:  # noqa: ARG002 - as each has it
        """Return None: the next one is counted from the end of the job."""
        return None

    def last(self, first: datetime, now: datetime) -> datetime:  # noqa: ARG002 - as each has it
        """Return the tick itself: none was missed."""
        return first


When: TypeAlias = Cron | Every | Loop
"""When a schedule makes its jobs."""


def when_of(text: str) -> When:
    """Read what `text` of a `When` gave.

    Raises:
        InvalidOption: It is no such text, or names a time zone that is unknown here.
    """
    kind, _, rest = text.partition(" ")
    match kind:
        case "cron":
            expression, _, tz = rest.rpartition(" ")
            return Cron(expression, tz=tz)
        case "every":
            return Every(_number(text, rest))
        case "loop":
            return Loop(_number(text, rest))
    raise _unreadable(text)


def check_when(when: When) -> When:
    """Return `when` if it is one.

    Raises:
        InvalidOption: It is none.
    """
    if not isinstance(when, Cron | Every | Loop):
        raise InvalidOption("when", when, "give Cron('0 9 * * 1-5', tz='Europe/Berlin'), Every(30) or Loop(15)")
    return when


def _number(text: str, number: str) -> float:
    try:
        return float(number)
    except ValueError:
        raise _unreadable(text) from None


def _unreadable(text: str) -> InvalidOption:
    remedy = "write `cron 0 9 * * 1-5 Europe/Berlin`, `every 30` or `loop 15`"
    return InvalidOption("when", text[:300], remedy)


def _length(option: str, given: Duration, *, least: timedelta) -> timedelta:
    length = checked_length(option, given)
    if not least <= length <= LONGEST:
        raise InvalidOption(option, given, f"give from {_seconds(least)} seconds to a hundred years")
    return length


def _seconds(length: timedelta) -> str:
    text = f"{length // timedelta(microseconds=1) / 1_000_000:.6f}"
    return text.rstrip("0").rstrip(".")
