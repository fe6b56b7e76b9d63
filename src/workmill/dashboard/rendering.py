"""Templates: the environment they live in, and how moments, lengths of time, numbers and ids are written."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

SHORT_ID = 8
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_MINUTE, _HOUR = 60.0, 3600.0


@cache
def environment() -> Environment:
    """Return the environment of all pages: everything is escaped, and a name that is not given is an error."""
    made = Environment(
        loader=PackageLoader("workmill.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        iso=iso,
        moment=moment,
        ago=ago,
        duration=duration,
        number=number,
        short_id=short_id,
        pretty=pretty,
        plural=plural,
    )
    made.globals["now"] = now
    return made


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def iso(value: datetime) -> str:
    """Write a moment for machines."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: datetime) -> str:
    """Write a moment for people, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(value: datetime) -> str:
    """Write how far a moment is from now: `12s ago`, `in 5m`."""
    seconds = (now() - value).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{_rough(seconds)} ago" if seconds > 0 else f"in {_rough(-seconds)}"


def duration(value: timedelta | float | None) -> str:
    """Write a length of time briefly: `340 ms`, `1.25 s`, `2m 05s`, `3h 10m`, `4d 2h`."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0:
        return "0 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    return _long(int(seconds))


def number(value: float) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def short_id(value: str) -> str:
    """Return the part of an id that tells it from its neighbours: its end, as ids begin with the time."""
    return value[-SHORT_ID:]


def pretty(value: object) -> str:
    """Write a JSON value on many lines."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _rough(seconds: float) -> str:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{int(seconds // size)}{unit}"


def _long(seconds: int) -> str:
    if seconds < _HOUR:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 48 * _HOUR:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600}h"
