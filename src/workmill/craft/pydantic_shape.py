"""The one module that knows Pydantic. It takes longer to load than all the rest, and is loaded when it is needed."""

import json
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NotRequired, TypeAlias

from pydantic import ConfigDict, PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import CoreConfig, ErrorDetails, PydanticSerializationError, SchemaSerializer, from_json, to_json
from typing_extensions import TypedDict  # pydantic accepts typing's own from Python 3.12 on only

from workmill.craft.shape import Mismatch
from workmill.words.codec import Json, dump
from workmill.words.errors import ArgumentError, TaskError

Mode: TypeAlias = Literal["validation", "serialization"]

MOST_ERRORS = 100
"""How many things that are wrong with one call are told."""
FEW_BRACKETS = 190
"""A text with no more brackets than this cannot be nested too deeply to be read."""
# Bytes that are no text have no other JSON form than base64, both ways, also for what a caller sends. NaN is written as
# itself, so that it can be seen and refused; the default would turn it into null.
_CONFIG = ConfigDict(
    extra="forbid",
    allow_inf_nan=False,
    val_json_bytes="base64",
    ser_json_bytes="base64",
    ser_json_inf_nan="constants",
)
_WRITING = CoreConfig(ser_json_bytes="base64", ser_json_inf_nan="constants")
_LONG_NUMBER = re.compile(rb"[0-9]{4301}")


class PydanticShape:
    """A `Shape` by Pydantic.

    A Pydantic model among the types keeps its own configuration: bytes in it are UTF-8 text unless it says base64.

    Args:
        task: The task that the values belong to.
        what: What they are of it.
        hints: Each name's type.
        optional: The names that may be missing.
        mode: Whether the schema is for those who write such an object (`validation`) or for those who read it, whose
            names are then the aliases that a model gives to its fields.

    Raises:
        TaskError: A type has no JSON form.
    """

    def __init__(
        self, *, task: str, what: str, hints: Mapping[str, object], optional: frozenset[str], mode: Mode
    ) -> None:
        self._writes_aliases = mode == "serialization"
        # A TypedDict takes any parameter name and validates straight into keyword arguments.
        fields = {name: NotRequired[hint] if name in optional else hint for name, hint in hints.items()}
        shape = TypedDict(what, fields)  # type: ignore[misc] # the fields are known only at run time
        shape.__pydantic_config__ = _CONFIG  # type: ignore[attr-defined] # how pydantic configures a TypedDict
        try:
            self._adapter: TypeAdapter[Mapping[str, Json]] = TypeAdapter(shape)
            self.schema: dict[str, Json] = self._adapter.json_schema(mode=mode)
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            raise TaskError(f"task {task!r}: its {what} cannot be written as JSON: {_first_sentence(error)}") from error
        if _any_within(self.schema, _is_secret):
            raise TaskError(
                f"task {task!r}: its {what} would store a secret, or asterisks in its place; "
                "take the name of the secret and look it up in the task"
            )
        self._writer = SchemaSerializer(self._adapter.core_schema, _WRITING)
        self._may_hide_nan = _any_within(self._adapter.core_schema, _may_write_nan_as_null)

    def check(self, values: Mapping[str, object]) -> Mapping[str, Json]:
        """See `Shape.check`."""
        try:
            return self._adapter.validate_python(values)
        except ValidationError as error:
            raise _mismatch(error) from None

    def read(self, text: bytes) -> Mapping[str, Json]:
        """See `Shape.read`."""
        try:
            return self._adapter.validate_json(text, by_alias=True, by_name=True)
        except ValidationError as error:
            raise _mismatch(error) from None

    def read_strictly(self, text: bytes) -> Mapping[str, Json]:
        """See `Shape.read_strictly`."""
        given = _parsed(text)
        try:
            return self._adapter.validate_json(text, strict=True, by_alias=True, by_name=True)
        except ValidationError as error:
            if not _write_integers(given, error.errors(include_url=False)):
                raise _mismatch(error) from None
        try:
            return self._adapter.validate_json(to_json(given), strict=True, by_alias=True, by_name=True)
        except ValidationError as error:
            raise _mismatch(error) from None

    def write(self, values: Mapping[str, object]) -> bytes:
        """See `Shape.write`."""
        try:
            text = self._writer.to_json(values, by_alias=self._writes_aliases)
            _refuse_unreadable(text)
            if self._may_hide_nan and b"null" in text:
                dump(self._writer.to_python(values, mode="json"))
        except (PydanticSerializationError, RecursionError) as error:
            raise ValueError(str(error)) from error
        return text


def json_default(value: object) -> Json:
    """Return a parameter's default as a JSON value.

    Raises:
        ValueError: It has no JSON form.
    """
    return json.loads(to_json(value, bytes_mode="base64"), parse_constant=_refuse_constant)


def _first_sentence(error: Exception) -> str:
    # What follows is advice to those who call Pydantic themselves.
    return str(error).partition("\n")[0].partition(". ")[0]


def _refuse_unreadable(text: bytes) -> None:
    is_long = len(text) > FEW_BRACKETS
    if b"NaN" in text or b"Infinity" in text or (is_long and _LONG_NUMBER.search(text)):
        json.loads(text, parse_constant=_refuse_constant)
    if is_long and text.count(b"[") + text.count(b"{") > FEW_BRACKETS:
        from_json(text)


def _any_within(node: object, holds: Callable[[Mapping[str, object]], bool]) -> bool:
    if isinstance(node, list | tuple):
        return any(_any_within(each, holds) for each in node)
    if not isinstance(node, dict):
        return False
    return holds(node) or any(_any_within(each, holds) for each in node.values())


def _is_secret(schema: Mapping[str, object]) -> bool:
    return schema.get("format") == "password" and schema.get("writeOnly") is True


def _may_write_nan_as_null(schema: Mapping[str, object]) -> bool:
    """Whether a part of a core schema is, or may hold, a model with a configuration of its own."""
    match schema.get("type"):
        case "any":
            return True
        case "model" | "dataclass":
            config = schema.get("config")
            return not isinstance(config, dict) or config.get("ser_json_inf_nan") != "constants"
    return False


def _mismatch(error: ValidationError) -> Mismatch:
    details = error.errors(include_url=False, include_context=False)[:MOST_ERRORS]
    return Mismatch(
        [
            ArgumentError(pointer=_pointer(each["loc"]), detail=each["msg"], type=each["type"], given=_given(each))
            for each in details
        ]
    )


def _given(error: ErrorDetails) -> str:
    value = error["input"]
    if error["type"] == "missing":
        return ""  # The input is what it is missing from.
    try:
        return json.dumps(value) if isinstance(value, bool | None) else reprlib.repr(value)
    except ValueError:
        return "a number of too many digits to show"


def _parsed(text: bytes) -> Json:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Mismatch([ArgumentError(pointer="#", detail=f"not JSON: {error}", type="json_invalid")]) from None


def _write_integers(value: Json, errors: Sequence[ErrorDetails]) -> bool:
    """Turn `1.0` into `1` wherever an integer was asked for, as JSON itself makes no difference; say if any was."""
    wanted = [error for error in errors if error["type"] == "int_type" and _is_integral(error["input"])]
    return sum(_replace(value, error["loc"], int(error["input"])) for error in wanted) > 0


def _is_integral(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def _replace(value: Json, path: Sequence[int | str], new: int) -> bool:
    *way, last = path
    try:
        for step in way:
            value = value[step]
        value[last] = new
    except (LookupError, TypeError):
        return False  # The path of a union names its branch as well; such a value keeps its refusal.
    return True


def _without_repeats(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("an object names a key twice")
    return read


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _pointer(path: Sequence[int | str]) -> str:
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
