"""Statements said one after another, apart from whose connection they are said on.

What a verb does beyond the road of plain jobs is written as talks, so that the writer's transaction and a caller's own
do the very same: `Transaction.hold` says one on the room's connection, `within.spoken` makes it a part of a
conversation. A talk counts and tells on the `Account` it is given.
"""

from collections.abc import Generator, Sequence
from itertools import chain
from typing import TypeAlias, TypeVar

from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.rows import unpack
from workmill.stores.sqlite.statements import MOST_ROWS, for_rows
from workmill.words.codec import Json

T = TypeVar("T")

Said: TypeAlias = tuple[str, Sequence[Value]]
"""A statement of this room and its values."""

Talk: TypeAlias = Generator[Said, Value, T]
"""It gives one statement after another, is sent the one value that each answers (None: no row), and returns."""


def say(statement: str, *values: Value) -> Talk[Value]:
    """Say one statement, and return the one value that it answers."""
    return (yield statement, values)


def say_each(statement: str, rows: Sequence[Sequence[Value]]) -> Talk[None]:
    """Say a statement that takes many rows, as often as it takes."""
    for begin in range(0, len(rows), MOST_ROWS):
        some = rows[begin : begin + MOST_ROWS]
        yield for_rows(statement, len(some)), list(chain.from_iterable(some))


def ask(statement: str, *values: Value) -> Talk[Json]:
    """Say one statement, and return the JSON that it answers."""
    return read((yield statement, values))


def read(text: Value) -> Json:
    """Read the JSON that a statement answered."""
    return unpack(text if isinstance(text, bytes) else str(text).encode())
