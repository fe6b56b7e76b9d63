"""Text on its way to a terminal: what names and errors hold is shown, never obeyed."""

import sys
import unicodedata

_KEPT_IN_BLOCKS = frozenset("\n\t")


def clean(text: str) -> str:
    r"""Return `text` fit for one line: whatever a terminal would obey stands as its escape, like `\x1b` or `\u202e`."""
    return "".join(char if _is_harmless(char) else _escaped(char) for char in text)


def clean_block(text: str) -> str:
    """Return `text` fit for several lines: like `clean`, with line ends and tabs kept."""
    return "".join(char if char in _KEPT_IN_BLOCKS or _is_harmless(char) else _escaped(char) for char in text)


def say(text: str) -> None:
    """Write a message for a person to stderr, one or more lines, cleaned."""
    print(clean_block(text), file=sys.stderr, flush=True)


def _is_harmless(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
