"""Words of a command line as JSON values: read leniently, because the task's own signature judges what comes out."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from cyclopts import Token

Kinds: TypeAlias = frozenset[str]
"""The JSON types that a schema allows, by their names in JSON Schema."""
Converter: TypeAlias = Callable[..., object]
"""What Cyclopts calls with a type hint and the words given for it."""

ANYTHING: Kinds = frozenset({"string", "number", "integer", "boolean", "null", "object", "array"})


def read_value(text: str, kinds: Kinds) -> object:
    """Return the JSON value that `text` stands for, where it is one of `kinds`; any other text stands for itself.

    Where text is allowed too, a number is one only if JSON would write it back the same: a version number `1.10`
    keeps its zero, and `null` is a word.
    """
    if kinds <= {"string", "null"}:
        return text
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text
    if "string" in kinds and not _is_same(value, text, kinds):
        return text
    return value


def one_of(kinds: Kinds) -> Converter:
    """Return what reads the one word of a flag."""
    return lambda _type, tokens: read_value(tokens[0].value, kinds)


def list_of(kinds: Kinds) -> Converter:
    """Return what reads a flag that may be repeated: each word is an item or, where items are no text, a JSON list."""
    return lambda _type, tokens: [item for token in tokens for item in _items(token.value, kinds)]


def object_of(kinds: Kinds) -> Converter:
    """Return what reads an object: written as JSON, or by flags that name the keys of values of these kinds."""

    def read(_type: object, words: Sequence[Token] | Mapping[str, object]) -> object:
        if not isinstance(words, Mapping):
            return read_value(words[-1].value, frozenset({"object", "null"}))
        return {key: _keyed(value, kinds) for key, value in words.items()}

    return read


def _keyed(words: object, kinds: Kinds) -> object:
    """Read what stands under one key: the words of `--x.key`, or further keys as in `--x.key.deeper`."""
    if isinstance(words, Mapping):
        return {key: _keyed(value, kinds) for key, value in words.items()}
    assert isinstance(words, Sequence)  # noqa: S101 - Cyclopts gives nothing else; for the type checker
    return read_value(words[0].value, kinds)


def _items(text: str, kinds: Kinds) -> list[object]:
    value = read_value(text, kinds if "string" in kinds else ANYTHING)
    return value if isinstance(value, list) and "array" not in kinds else [value]


def _is_same(value: object, text: str, kinds: Kinds) -> bool:
    match value:
        case None | str():
            return False
        case bool():
            return "boolean" in kinds
        case int() | float():
            return bool(kinds & {"integer", "number"}) and json.dumps(value) == text
        case list():
            return "array" in kinds
        case _:
            return "object" in kinds


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
