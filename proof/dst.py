"""Clock changes: every tick of cron schedules in ten zones and ten years, against a search through time itself.

`./run proof dst [--years N]` walks through each zone's time from one minute to the next, notes what the clock on the
wall shows, and so finds when each expression should fire; `Cron` must give the same moments, all and no other. Where
the hour and the minute are fixed, a time that the wall leaves out fires when the clock is set forward, and one that it
shows twice fires once. Else it fires at every minute that shows a matching time.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, zip_longest
from zoneinfo import ZoneInfo

from workmill.craft.cron import Cron

ZONES = (
    "Africa/Casablanca",  # summer time but for Ramadan
    "America/New_York",
    "America/Santiago",  # at midnight
    "America/Sao_Paulo",  # gave summer time up
    "Antarctica/Troll",  # two hours
    "Asia/Tehran",  # at midnight, half hours
    "Australia/Lord_Howe",  # half an hour
    "Europe/Berlin",
    "Europe/London",
    "Pacific/Chatham",  # three quarters of an hour off
)
EXPRESSIONS = (
    "30 1 * * *",
    "30 2 * * *",
    "15,45 2,3 * * *",
    "0 0 * * *",
    "45 3 1 * *",
    "0 9 * * 1-5",
    "5 0-4 * * 0",
    "*/30 * * * *",
    "20 * * * *",
    "*/20 2 * * *",
    "*/15 1-3 * 3,4,9-11 *",
    "10 */6 13 * 5",
    "0 2 29 2 *",
)
YEARS = 10
FIRST_YEAR = 2016
BLOCK_MINUTES = 15
"""Since 2016 no zone has set its clocks but at the quarters of an hour."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What a cron expression matches, read anew from its text."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    needs_both_days: bool
    is_fixed: bool

    @classmethod
    def of(cls, expression: str) -> "Pattern":
        """Read an expression of five fields."""
        minute, hour, day, month, weekday = expression.split()
        return cls(
            minutes=_values(minute, 0, 59),
            hours=_values(hour, 0, 23),
            days=_values(day, 1, 31),
            months=_values(month, 1, 12),
            weekdays=frozenset(value % 7 for value in _values(weekday, 0, 7)),
            needs_both_days=day.startswith("*") or weekday.startswith("*"),
            is_fixed=not (minute.startswith("*") or hour.startswith("*")),
        )

    def has_day(self, day: date) -> bool:
        """Whether it may fire on a day."""
        matches = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (all(matches) if self.needs_both_days else any(matches))

    def has(self, wall: datetime) -> bool:
        """Whether the wall shows a time of it."""
        return wall.minute in self.minutes and wall.hour in self.hours and self.has_day(wall.date())


def expected(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Search through time for the moments after `start` and before `end` at which an expression fires."""
    pattern = Pattern.of(expression)
    highest = (start - BLOCK_MINUTES * MINUTE).astimezone(zone).replace(tzinfo=None)
    moment = start
    while moment < end:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        if pattern.is_fixed and wall > highest + MINUTE and _is_missed(pattern, highest + MINUTE, wall):
            yield moment
        for minutes in _matching(pattern, wall, highest):
            yield moment + minutes * MINUTE
        highest = max(highest, wall + (BLOCK_MINUTES - 1) * MINUTE)
        moment += BLOCK_MINUTES * MINUTE


def given(expression: str, name: str, start: datetime, end: datetime) -> Iterator[datetime]:
    """Ask the schedule, tick for tick."""
    cron = Cron(expression, tz=name)
    tick = cron.first(start - timedelta(seconds=1))
    while tick is not None and tick < end:
        yield tick
        tick = cron.following(tick)


def differences(expression: str, name: str, start: datetime, end: datetime) -> tuple[int, list[str]]:
    """Return how many ticks there are, and the first places where the two do not agree."""
    wrong, ticks = list[str](), 0
    searched = _each_once(expected(expression, ZoneInfo(name), start, end))
    for ours, theirs in zip_longest(given(expression, name, start, end), searched):
        ticks += 1
        if ours != theirs:
            wrong.append(f"{name}: {expression!r} fires at {ours}, and should at {theirs}")
            break
    return ticks, wrong


def _matching(pattern: Pattern, wall: datetime, highest: datetime) -> list[int]:
    """Return the minutes of a block that fire; what is fixed does not fire where the wall shows it again."""
    if wall.hour not in pattern.hours or not pattern.has_day(wall.date()):
        return []
    shown = [wall + minutes * MINUTE for minutes in range(BLOCK_MINUTES)]
    return [
        minutes
        for minutes, each in enumerate(shown)
        if pattern.has(each) and not (pattern.is_fixed and each <= highest)
    ]


def _is_missed(pattern: Pattern, first: datetime, end: datetime) -> bool:
    minutes = (end - first) // MINUTE
    # Where the minute that the clock is set to matches too, it fires once all the same.
    return any(pattern.has(first + index * MINUTE) for index in range(minutes))


def _each_once(moments: Iterator[datetime]) -> Iterator[datetime]:
    before = None
    for moment in moments:
        if moment != before:
            yield moment
        before = moment


def _values(field: str, least: int, most: int) -> frozenset[int]:
    found = set[int]()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = (f"{least}-{most}" if span == "*" else span).partition("-")
        found.update(range(int(low), int(high or low) + 1, int(step or 1)))
    return frozenset(found)


def main() -> int:
    """Compare, and say what differs."""
    parser = argparse.ArgumentParser(prog="./run proof dst", description=__doc__)
    parser.add_argument("--years", type=int, default=YEARS)
    years: int = parser.parse_args().years
    start, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(FIRST_YEAR + years, 1, 1, tzinfo=UTC)
    ticks, wrong, began = 0, list[str](), time.monotonic()
    for name in ZONES:
        for expression in EXPRESSIONS:
            count, said = differences(expression, name, start, end)
            ticks, wrong = ticks + count, wrong + said
    for line in islice(wrong, 20):
        print(line)
    seconds = time.monotonic() - began
    what = f"{len(ZONES)} zones, {len(EXPRESSIONS)} expressions, {years} years, {ticks:,} ticks in {seconds:.0f} s"
    print(f"{what}: {len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
