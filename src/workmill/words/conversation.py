"""What a store has to say on a connection that is the caller's own, apart from how that connection is spoken to."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from workmill.words.codec import Json

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement.

    Attributes:
        sql: Its text, with `%s` where a value goes and no other percent sign.
        values: The values in their order: text, integers, bytes or None.
    """

    sql: str
    values: tuple[str | int | bytes | None, ...] = ()


Conversation: TypeAlias = Generator[Statement, Sequence[Sequence[Json]], T]
"""It gives one statement after another, is sent the rows of each, and returns what came of it.

It does no input or output, so that blocking and awaited connections serve alike. It is held once and to its end, with
no other statement between its own. Where a statement fails, the error is thrown into it, and the caller's transaction
is to be rolled back unless it returns all the same.
"""
