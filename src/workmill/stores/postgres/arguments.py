"""A statement and its values as they go over the wire."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import psycopg

from workmill.stores.postgres.arrays import numbers, texts

Values: TypeAlias = Sequence[object] | Mapping[str, object]

PLACE = re.compile(r"%(?:\((\w+)\))?s")


def written(sql: bytes, values: Values) -> tuple[bytes, list[bytes | None]]:
    """Return a statement with its places numbered, and the values as the server reads them.

    Raises:
        psycopg.DataError: A text holds what PostgreSQL's texts cannot.
        UnicodeEncodeError: A text is no UTF-8.
    """
    text, names = numbered(sql)
    if isinstance(values, Mapping):
        return text, [as_text(values[name]) for name in names]
    return text, [as_text(value) for value in values]


@lru_cache
def numbered(sql: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with `$1` and so on for `%s` or `%(name)s`, and the names by number."""
    names: list[str] = []

    def number(place: re.Match[str]) -> str:
        name = place[1] or f"{len(names)}"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PLACE.sub(number, sql.decode()).encode(), tuple(names)


def as_text(value: object) -> bytes | None:
    """Write one value.

    Raises:
        psycopg.DataError: It is a text that holds a NUL, or of a type that no statement takes.
        UnicodeEncodeError: It is no UTF-8.
    """
    match value:
        case None:
            return None
        case str():
            text = value
        case bool():
            text = "t" if value else "f"
        case int():
            text = str(value)
        case list() if all(isinstance(each, str | None) for each in value):
            text = texts(value)
        case list() if all(isinstance(each, int | None) for each in value):
            text = numbers(value)
        case _:
            raise psycopg.DataError(f"no value for a statement: {value!r}")
    if "\0" in text:
        raise psycopg.DataError("PostgreSQL's texts hold no NUL")
    return text.encode()
