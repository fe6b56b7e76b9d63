"""Arrays as PostgreSQL reads them: the driver's own way takes longer than the statement that they are for."""

from collections.abc import Iterable, Sequence

NONE = "{}"


def texts(values: Iterable[str | None]) -> str:
    """Write an array of texts."""
    return "{" + ",".join(["NULL" if value is None else quoted(value) for value in values]) + "}"


def numbers(values: Iterable[int | None]) -> str:
    """Write an array of integers."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def same_numbers(values: Sequence[int]) -> str:
    """Write an array of integers, once where all are the same."""
    return numbers(values if len(set(values)) > 1 else values[:1])


def same_texts(values: Sequence[str]) -> str:
    """Write an array of texts, once where all are the same."""
    return texts(values if len(set(values)) > 1 else values[:1])


def some_numbers(values: Sequence[int | None]) -> str:
    """Write an array of integers, an empty one where there is none."""
    return NONE if values.count(None) == len(values) else numbers(values)


def some_texts(values: Sequence[str | None]) -> str:
    """Write an array of texts, an empty one where there is none."""
    return NONE if values.count(None) == len(values) else texts(values)


def quoted(text: str) -> str:
    """Write one element so that nothing in it is read as more than text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
