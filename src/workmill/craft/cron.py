"""The times of a calendar, in a time zone: a cron expression that knows what daylight saving time does to it.

The expression is about the clock on the wall; the library that reads it is asked about that clock only, and what that
means in time is decided here. Where the hour and the minute are fixed, each time the wall is to show makes one tick:
at its first showing where the clock is set back, and at the moment the clock is set forward where it is left out. Where
one of them begins with `*`, every moment at which the wall shows a matching time makes one.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from workmill.words.errors import InvalidOption

LONGEST = 255
_EXPRESSION = re.compile(r"[0-9A-Za-z*/,#\- ]+")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - the clock on the wall has no zone
_CALM = timedelta(days=2)
"""The clock on a wall is never set back by as much, and never twice within it."""
_SECOND = timedelta(seconds=1)
_REMEDY = "give five fields, minute hour day month weekday, such as '0 9 * * 1-5', or six with the seconds first"


class Cron:
    """The times that a cron expression names: five fields, or six with the seconds first.

    Fields take `*`, numbers, names (`MON`, `JAN`), lists, ranges, steps, `L` for the last day of a month, `LW` for its
    last weekday, `5L` for its last Friday and `1#2` for its second Monday. Where both the day and the weekday are
    restricted, either may match.

    When clocks change, a time that is left out is made up for at once, and one that comes twice counts once, as long
    as neither minute nor hour begins with `*`; else the schedule goes by the clock as it runs.

    Args:
        expression: Such as `0 9 * * 1-5`.
        tz: The time zone, by its name in the IANA database.

    Raises:
        InvalidOption: The expression cannot be read or never fires, or the time zone is unknown.
    """

    pause: Final = None

    def __init__(self, expression: str, *, tz: str = "UTC") -> None:
        self.expression = _checked(expression)
        self.tz = tz
        self._zone = _zone(tz)
        fields = self.expression.split()[-5:]
        self._is_fixed = not (fields[0].startswith("*") or fields[1].startswith("*"))
        if next(self._walls(_ANY_DAY), None) is None:
            raise InvalidOption("cron", expression, "it never fires: no month has such a day; give another")

    def __repr__(self) -> str:
        return f"Cron({self.expression!r}, tz={self.tz!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cron) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def text(self) -> str:
        """The schedule as it is stored."""
        return f"cron {self.expression} {self.tz}"

    def first(self, now: datetime) -> datetime | None:
        """Return the first tick after a moment; None where there is none in fifty years."""
        return self._after_fixed(now) if self._is_fixed else self._after_running(now)

    def following(self, tick: datetime) -> datetime | None:
        """Return the tick that follows one."""
        return self.first(tick)

    def last(self, first: datetime, now: datetime) -> datetime:
        """Return the last tick that is not after `now`, `first` being one."""
        return last_tick(self.first, first, now)

    def _after_fixed(self, moment: datetime) -> datetime | None:
        for wall in self._walls(self._shown(moment)):
            tick = self._first_showing(wall)
            if tick > moment:  # Else the wall shows it for the second time.
                return tick
        return None

    def _after_running(self, moment: datetime) -> datetime | None:
        start, offset = moment, self._offset(moment)
        while True:
            wall = next(self._walls((start + offset).replace(tzinfo=None)), None)
            if wall is None:
                return None
            tick = wall.replace(tzinfo=UTC) - offset
            end = min(tick, start + _CALM)
            if (changed := self._offset(end)) != offset:
                start, offset = self._change(start, end) - _SECOND, changed  # The wall shows another time from there.
            elif end == tick:
                return tick
            else:
                # What is in between shows no matching time, whatever its offset: only near the tick can it.
                start = max(end, tick - _CALM)
                offset = self._offset(start)

    def _change(self, before: datetime, after: datetime) -> datetime:
        """Return the moment, not after `after`, from which on the offset is that of `after`."""
        low, high = before.replace(microsecond=0), after.replace(microsecond=0) + _SECOND
        offset = self._offset(after)
        while high - low > _SECOND:
            middle = low + (high - low) // (2 * _SECOND) * _SECOND
            if self._offset(middle) == offset:
                high = middle
            else:
                low = middle
        return high

    def _walls(self, wall: datetime) -> Iterator[datetime]:
        """Give the times after one that the expression names, on a wall without a zone."""
        from cronsim import CronSim  # noqa: PLC0415 - loaded by who has schedules

        try:
            yield from CronSim(self.expression, wall)
        except OverflowError:  # The calendar ends.
            return

    def _shown(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _first_showing(self, wall: datetime) -> datetime:
        """Return when the wall first shows a time, or when the clock is set forward over it."""
        tick = wall.replace(tzinfo=self._zone).astimezone(UTC)
        if self._shown(tick) == wall:
            return tick
        return self._change(tick - _CALM, tick)

    def _offset(self, moment: datetime) -> timedelta:
        offset = moment.astimezone(self._zone).utcoffset()
        return timedelta(0) if offset is None else offset


def last_tick(next_after: Callable[[datetime], datetime | None], first: datetime, now: datetime) -> datetime:
    """Return the last tick that is not after `now`, by asking for the one that follows a moment; `first` is one."""
    low, high = first, now
    while high - low > _SECOND / 2:
        middle = low + (high - low) / 2
        tick = next_after(middle)
        if tick is None or tick > now:
            high = middle
        else:
            low = tick
    return low


def _checked(expression: str) -> str:
    if not isinstance(expression, str) or len(expression) > LONGEST or _EXPRESSION.fullmatch(expression) is None:
        shown = expression[:LONGEST] if isinstance(expression, str) else expression
        raise InvalidOption("cron", shown, f"{_REMEDY}; at most {LONGEST} characters")
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - loaded by who has schedules

    expression = " ".join(expression.upper().split())
    try:
        CronSim(expression, _ANY_DAY)
    except CronSimError as error:
        wrong = str(error).lower()
        if wrong == "bad day-of-month":
            wrong += ", or none of its months has such a day, so that it never fires"
        raise InvalidOption("cron", expression, f"{wrong}: {_REMEDY}") from None
    return expression


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - loaded by who has schedules

    remedy = "give the name of a time zone, such as 'Europe/Berlin' or 'UTC'"
    if not isinstance(name, str) or len(name) > LONGEST or _ZONE.fullmatch(name) is None:
        raise InvalidOption("tz", name, remedy)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise InvalidOption("tz", name, remedy) from None
