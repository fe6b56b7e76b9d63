"""Numbers and texts that somebody typed into a form; what is left empty is None."""

import math

from workmill import InvalidOption

LONGEST_TEXT = 1000
MOST_DIGITS = 15


def whole(option: str, text: str) -> int | None:
    """Read a whole number.

    Raises:
        InvalidOption: It is none.
    """
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS):
        raise InvalidOption(option, text[:100], "give a whole number")
    return int(text)


def seconds(option: str, text: str) -> float | None:
    """Read a length of time.

    Raises:
        InvalidOption: It is none.
    """
    try:
        length = float(text) if text else None
    except ValueError:
        length = math.nan
    if length is not None and not 0 <= length < math.inf:
        raise InvalidOption(option, text[:100], "give a number of seconds, 0 or more")
    return length


def words(text: str) -> str | None:
    """Read a text, cut where it is too long to be kept."""
    return text[:LONGEST_TEXT] or None
