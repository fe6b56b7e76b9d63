"""Texts with the names of arguments in them, such as `{tenant}`: one text for each call of a task."""

import string
from collections.abc import Collection, Iterator, Mapping

from workmill.words.codec import Json, dump
from workmill.words.errors import ArgumentError, InvalidArguments, InvalidOption
from workmill.words.names import KEY_LENGTH

_REMEDY = 'name parameters in braces and nothing more of them, as in "{tenant}" or "{tenant}:{region}"'


class Template:
    """A key as an option gives it.

    Args:
        option: The option that gives it.
        text: The text, which names one parameter at least.

    Raises:
        InvalidOption: It is none: it names no parameter, or asks for more than a parameter's value.
    """

    __slots__ = ("_option", "_pieces", "names", "text")

    def __init__(self, option: str, text: str) -> None:
        if not isinstance(text, str) or len(text) > KEY_LENGTH:
            raise InvalidOption(option, text, f"give up to {KEY_LENGTH} characters of text, such as {{tenant}}")
        self._option = option
        self._pieces = tuple(_pieces(option, text))
        self.text = text
        self.names = tuple(dict.fromkeys(name for _, name in self._pieces if name is not None))
        if not self.names:
            raise InvalidOption(option, text, f"it names no parameter; {_REMEDY}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return repr(self.text)

    def check(self, parameters: Collection[str]) -> None:
        """Refuse names that a function has no parameters for.

        Raises:
            InvalidOption: There is one.
        """
        for name in self.names:
            if name not in parameters:
                raise InvalidOption(self._option, self.text, f"the task has no parameter {name!r}; {_REMEDY}")

    def render(self, task: str, arguments: Mapping[str, Json]) -> str:
        """Return the key of one call: text as it is, numbers, true, false and null as JSON writes them.

        Raises:
            InvalidArguments: An argument is no such value, or the key would be too long, empty, or not printable.
        """
        key = "".join(
            literal + ("" if name is None else self._value(task, name, arguments)) for literal, name in self._pieces
        )
        if not (0 < len(key) <= KEY_LENGTH and key.isprintable()):
            raise self._refusal(task, self.names[0], f"of 1 to {KEY_LENGTH} printable characters")
        return key

    def _value(self, task: str, name: str, arguments: Mapping[str, Json]) -> str:
        value = arguments.get(name, ())
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, int | float):
            return dump(value).decode()
        raise self._refusal(task, name, "of text, numbers, true, false and null that the call itself gives")

    def _refusal(self, task: str, name: str, needed: str) -> InvalidArguments:
        detail = f"{self._option} {self.text!r} is made of it, and a key is made {needed}"
        return InvalidArguments(task, [ArgumentError(pointer=f"#/{name}", detail=detail, type="key")])


def _pieces(option: str, text: str) -> Iterator[tuple[str, str | None]]:
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise InvalidOption(option, text, f"{error}; {_REMEDY}") from None
    for literal, name, form, conversion in parsed:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise InvalidOption(option, text, _REMEDY)
        yield literal, name
