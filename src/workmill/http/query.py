"""The query string: each parameter said once, for the code that reads it and for the OpenAPI document."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from starlette.requests import Request

from workmill.http.problem import Document, invalid_parameter

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_INTEGER = re.compile(r"-?\d{1,18}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Generic[T_co]):
    """One query parameter. `read` raises `ValueError` with the remedy as its message."""

    name: str
    description: str
    schema: Document
    read: Callable[[str], T_co]


class Query:
    """The query of one request, of which every parameter is known.

    Raises:
        Problem: There is a parameter that the path does not know: a misspelt filter must not list everything.
    """

    def __init__(self, request: Request, known: Sequence[Parameter[object]]) -> None:
        self._given = request.query_params
        names = [parameter.name for parameter in known]
        for name, value in self._given.multi_items():
            if name not in names:
                remedy = f"it is unknown here; known: {', '.join(names)}" if names else "this path takes no parameters"
                raise invalid_parameter(name, value, remedy)

    def one(self, parameter: Parameter[T]) -> T | None:
        """Return the value of a parameter, or None where it is not given.

        Raises:
            Problem: It is given twice, or out of its range.
        """
        values = self._given.getlist(parameter.name)
        if len(values) > 1:
            raise invalid_parameter(parameter.name, values[1], "give it once")
        return next(iter(self.many(parameter)), None)

    def many(self, parameter: Parameter[T]) -> tuple[T, ...]:
        """Return all the values of a parameter.

        Raises:
            Problem: One is out of its range.
        """
        return tuple(_read(parameter, text) for text in self._given.getlist(parameter.name))


def read_text(text: str) -> str:
    """Read any text but an empty one."""
    if not text:
        raise ValueError("give a value, or leave it out")
    return text


def read_name(text: str) -> str:
    """Read the name of a task or queue."""
    if _NAME.fullmatch(text) is None:
        raise ValueError("use 1 to 128 of the characters A-Z a-z 0-9 _ . : -")
    return text


def read_integer(text: str, *, least: int, most: int) -> int:
    """Read a whole number in a range."""
    if _INTEGER.fullmatch(text) is None or not least <= int(text) <= most:
        raise ValueError(f"give a whole number from {least} to {most}")
    return int(text)


def read_seconds(text: str, *, most: float | None = None) -> float:
    """Read a number of seconds."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 <= number < math.inf or (most is not None and number > most):
        raise ValueError(f"give a number of seconds, {'0 or more' if most is None else f'from 0 to {most:g}'}")
    return number


def read_moment(text: str) -> datetime:
    """Read an RFC 3339 moment."""
    remedy = "give an RFC 3339 moment with its offset, such as 2026-01-31T12:00:00Z (a + is written %2B)"
    if _MOMENT.fullmatch(text) is None:
        raise ValueError(remedy)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(remedy) from None
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # a valid moment within a day of the calendar's first or last
        return moment.replace(tzinfo=UTC)


def _read(parameter: Parameter[T], text: str) -> T:
    try:
        return parameter.read(text)
    except ValueError as error:
        raise invalid_parameter(parameter.name, text, str(error)) from None
