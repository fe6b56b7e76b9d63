"""Amounts of memory as callers write them."""

import re
from typing import TypeAlias

from workmill.words.errors import InvalidOption

Size: TypeAlias = int | str
"""An amount of memory: a number of bytes, or text such as `"512MB"` or `"2GiB"`."""

_UNITS = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, letter in enumerate(("k" if base == 1000 else "K", "M", "G", "T"), start=1)
}
_BY_LOWER_CASE = {unit.lower(): bytes_each for unit, bytes_each in _UNITS.items()}
_WRITTEN = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([a-z]*)", re.IGNORECASE | re.ASCII)


def checked_size(option: str, size: Size) -> int:
    """Read an amount of memory that an option gives, as a number of bytes.

    `kB`, `MB`, `GB` and `TB` count in thousands, `KiB`, `MiB`, `GiB` and `TiB` in 1,024s; in capitals or not.

    Raises:
        InvalidOption: It is none, or nothing at all.
    """
    amount = size if isinstance(size, int) and not isinstance(size, bool) else _read(size)
    if amount is None or amount < 1:
        raise InvalidOption(option, size, 'give a number of bytes, or text such as "512MB" or "2GiB"')
    return amount


def shown_size(amount: int) -> str:
    """Write an amount of memory for people."""
    for unit in ("TB", "GB", "MB", "kB"):
        if amount >= _UNITS[unit]:
            return f"{round(amount / _UNITS[unit], 1):g} {unit}"
    return f"{amount} B"


def _read(size: object) -> int | None:
    written = _WRITTEN.fullmatch(size.strip()) if isinstance(size, str) else None
    unit = _BY_LOWER_CASE.get(written[2].lower()) if written else None
    return int(float(written[1]) * unit) if written and unit else None
