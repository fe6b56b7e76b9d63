"""Arrays as PostgreSQL reads them: the driver's own way takes longer than the statement that they are for."""

from collections.abc import Iterable


def texts(values: Iterable[str | None]) -> str:
    """Write an array of texts."""
    return "{" + ",".join(["NULL" if value is None else quoted(value) for value in values]) + "}"


def numbers(values: Iterable[int | None]) -> str:
    """Write an array of integers."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def quoted(text: str) -> str:
    """Write one element so that nothing in it is read as more than text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
