"""Flags that several commands share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter, Token

from workmill.cli.output import Format


def read_whole(_type: object, tokens: Sequence[Token]) -> int:
    """Read a whole number; one with a fraction is refused, never rounded.

    Raises:
        ValueError: It is none.
    """
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not a whole number") from None


def read_seconds(_type: object, tokens: Sequence[Token]) -> float:
    """Read a number of seconds, zero or more; `inf` is as long as it takes.

    Raises:
        ValueError: It is none.
    """
    try:
        seconds = float(tokens[0].value)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ValueError(f"{tokens[0].value!r} is not a number of seconds")
    return seconds


def as_length(seconds: float) -> timedelta:
    """Return so many seconds as a length of time; the longest there is where they are more, or `inf`."""
    return timedelta.max if seconds >= timedelta.max.total_seconds() else timedelta(seconds=seconds)


def aware(moment: datetime | None) -> datetime | None:
    """Return a moment with a time zone; one without is local time."""
    return moment.astimezone() if moment is not None and moment.tzinfo is None else moment


def read_names(_type: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Read names that are separated by commas, given by repeating the flag, or both."""
    return tuple(name for token in tokens for name in token.value.split(",") if name)


Whole: TypeAlias = Annotated[int, Parameter(converter=read_whole)]
OptionalWhole: TypeAlias = Annotated[int | None, Parameter(converter=read_whole)]
Seconds: TypeAlias = Annotated[float, Parameter(converter=read_seconds, metavar="SECONDS")]
Names: TypeAlias = Annotated[
    tuple[str, ...], Parameter(converter=read_names, metavar="NAME[,NAME]", negative=(), show_default=False)
]
AppFlag: TypeAlias = Annotated[str | None, Parameter(metavar="MODULE:ATTRIBUTE", help="The application.")]
AppArgument: TypeAlias = Annotated[
    str | None, Parameter(metavar="MODULE:ATTRIBUTE", help="The application, such as main:app.")
]
LogLevel: TypeAlias = Annotated[
    Literal["debug", "info", "warning", "error"], Parameter(help="The lowest level of log line shown.")
]
LogFormat: TypeAlias = Annotated[
    Literal["auto", "pretty", "json"], Parameter(help="How log lines look; auto is pretty on a terminal, else JSON.")
]
JsonFlag: TypeAlias = Annotated[
    bool, Parameter(negative=(), show_default=False, help="Short for --output json: what the HTTP API answers.")
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What every command that lists takes."""

    app: AppFlag = None
    output: Annotated[Format, Parameter(name=("--output", "-o"), help="How the list is written.")] = "table"
    json: JsonFlag = False

    @property
    def form(self) -> Format:
        """How the list is written."""
        return "json" if self.json else self.output


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What every command about single things takes."""

    app: AppFlag = None
    json: JsonFlag = False


LISTING = Listing()
SHOWING = Showing()
