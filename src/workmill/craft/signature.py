"""A function's type hints as a contract: what is accepted, how it is written as JSON, and its JSON Schema."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import NoneType
from typing import NotRequired, get_type_hints

from pydantic import (
    ConfigDict,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreConfig, ErrorDetails, PydanticSerializationError, SchemaSerializer, to_json
from typing_extensions import TypedDict  # pydantic accepts typing's own from Python 3.12 on only

from workmill.words.codec import Json
from workmill.words.errors import ArgumentError, InvalidArguments, TaskError

_CONFIG = ConfigDict(
    extra="forbid",
    allow_inf_nan=False,
    # Bytes that are no text have no other JSON form; base64 both ways, also for what a caller sends.
    val_json_bytes="base64",
)
# NaN is written as itself so that `_checked` can see and refuse it; the default would turn it into null.
_WRITING = CoreConfig(ser_json_bytes="base64", ser_json_inf_nan="constants")
_PREFIX, _SUFFIX = b'{"value":', b"}"


class ResultRejected(ValueError):
    """A task returned what is not of its return type or has no JSON form."""


class Signature:
    """The arguments and the result of one function, checked against its type hints.

    What is costly or needs every name of the module to be defined is made at first use, not at decoration.
    """

    def __init__(self, task: str, function: Callable[..., object]) -> None:
        self._task = task
        self._function = function
        self._call = inspect.signature(function)
        self._names = tuple(self._call.parameters)
        for parameter in self._call.parameters.values():
            _refuse_unsupported(task, parameter)

    def dump_call(self, args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
        """Check a call and write its arguments as one JSON object, in the order of the parameters.

        Raises:
            InvalidArguments: They do not match the type hints.
        """
        if args:
            kwargs = self._by_name(args, kwargs)
        try:
            return self._dump(self._arguments.validate_python(kwargs))
        except ValidationError as error:
            raise self._refusal(error) from None

    def dump_json_call(self, raw: bytes) -> bytes:
        """Check arguments that arrive as JSON and write them anew.

        Strict, because JSON has types of its own: `"1"` and `true` are no integers. `1.0` is one.

        Raises:
            InvalidArguments: They are not a JSON object that matches the type hints.
        """
        given = self._parsed(raw)
        try:
            return self._dump(self._arguments.validate_json(raw, strict=True))
        except ValidationError as error:
            if not _write_integers(given, error.errors(include_url=False)):
                raise self._refusal(error) from None
        try:
            return self._dump(self._arguments.validate_json(to_json(given), strict=True))
        except ValidationError as error:
            raise self._refusal(error) from None

    def load_call(self, args: bytes) -> dict[str, object]:
        """Read stored arguments as the keyword arguments of a call.

        Raises:
            InvalidArguments: They do not match the type hints, which may have changed since.
        """
        try:
            return dict(self._arguments.validate_json(args))
        except ValidationError as error:
            raise self._refusal(error) from None

    def dump_result(self, value: object) -> bytes:
        """Check a returned value and write it as JSON.

        Raises:
            ResultRejected: It is not of the return type, or has no JSON form.
        """
        try:
            checked = self._result.validate_python({"value": value})
            text = self._result_writer.to_json(checked)
            return _checked(text[len(_PREFIX) : -len(_SUFFIX)])
        except ValidationError as error:
            said = "; ".join(f"{detail['msg']}" for detail in error.errors(include_url=False))
            what = type(value).__name__
            raise ResultRejected(f"the returned {what} is not what the return type says: {said}") from error
        except (PydanticSerializationError, UnicodeError, ValueError, RecursionError) as error:
            raise ResultRejected(f"the returned {type(value).__name__} has no JSON form: {error}") from error

    def load_result(self, text: bytes) -> Json:
        """Read a stored result as the return type.

        Raises:
            ResultRejected: It does not match the return type, which may have changed since.
        """
        try:
            return self._result.validate_json(_PREFIX + text + _SUFFIX)["value"]
        except ValidationError as error:
            raise ResultRejected(f"the stored result is not what the return type says: {error}") from error

    @cached_property
    def schema(self) -> dict[str, Json]:
        """The JSON Schema of the arguments, one object."""
        schema = self._arguments.json_schema(mode="validation")
        schema["title"] = self._task
        for name, parameter in self._call.parameters.items():
            if parameter.default is not parameter.empty:
                _add_default(schema["properties"][name], parameter.default)
        return schema

    @cached_property
    def result_schema(self) -> dict[str, Json]:
        """The JSON Schema of the result."""
        schema = self._result.json_schema(mode="serialization")
        value = dict(schema["properties"]["value"])
        if "$ref" not in value:
            value["title"] = "Result"
        return value | ({"$defs": schema["$defs"]} if "$defs" in schema else {})

    @cached_property
    def _arguments(self) -> TypeAdapter[Mapping[str, object]]:
        hints = self._hints
        fields = {
            name: hints.get(name, Json) if parameter.default is parameter.empty else NotRequired[hints.get(name, Json)]
            for name, parameter in self._call.parameters.items()
        }
        return self._adapter("arguments", fields)

    @cached_property
    def _result(self) -> TypeAdapter[Mapping[str, object]]:
        hint = self._hints.get("return", Json)
        return self._adapter("result", {"value": NoneType if hint is None else hint})

    @cached_property
    def _arguments_writer(self) -> SchemaSerializer:
        return SchemaSerializer(self._arguments.core_schema, _WRITING)

    @cached_property
    def _result_writer(self) -> SchemaSerializer:
        return SchemaSerializer(self._result.core_schema, _WRITING)

    @cached_property
    def _hints(self) -> dict[str, object]:
        try:
            return get_type_hints(self._function, include_extras=True)
        except NameError as error:
            raise TaskError(f"task {self._task!r}: a type hint names what is not defined: {error}") from error

    def _adapter(self, what: str, fields: dict[str, object]) -> TypeAdapter[Mapping[str, object]]:
        # A TypedDict takes any parameter name and validates straight into keyword arguments.
        shape = TypedDict(what, fields)  # type: ignore[misc] # the fields are known only at run time
        shape.__pydantic_config__ = _CONFIG  # type: ignore[attr-defined] # how pydantic configures a TypedDict
        try:
            return TypeAdapter(shape)
        except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
            raise TaskError(f"task {self._task!r}: its {what} cannot be written as JSON: {error}") from error

    def _by_name(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        try:
            return dict(self._call.bind_partial(*args, **kwargs).arguments)
        except TypeError as error:
            wrong = ArgumentError(pointer="#", detail=str(error), type="call")
            raise InvalidArguments(self._task, [wrong]) from None

    def _dump(self, arguments: Mapping[str, object]) -> bytes:
        try:
            return _checked(self._arguments_writer.to_json(arguments))
        except (PydanticSerializationError, UnicodeError, ValueError, RecursionError) as error:
            wrong = ArgumentError(pointer="#", detail=f"no JSON form: {error}", type="not_json")
            raise InvalidArguments(self._task, [wrong]) from error

    def _parsed(self, raw: bytes) -> Json:
        try:
            return json.loads(raw, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            wrong = ArgumentError(pointer="#", detail=f"not JSON: {error}", type="json_invalid")
            raise InvalidArguments(self._task, [wrong]) from None

    def _refusal(self, error: ValidationError) -> InvalidArguments:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return InvalidArguments(
            self._task,
            [ArgumentError(pointer=_pointer(each["loc"]), detail=each["msg"], type=each["type"]) for each in details],
        )


def _refuse_unsupported(task: str, parameter: inspect.Parameter) -> None:
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        raise TaskError(f"task {task!r}: parameter {parameter} is open-ended; take a list or a dict instead")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise TaskError(f"task {task!r}: parameter {parameter.name!r} is positional-only; remove the `/`")


def _add_default(schema: dict[str, Json], default: object) -> None:
    try:
        schema["default"] = json.loads(to_json(default, bytes_mode="base64"))
    except (ValueError, PydanticSerializationError):
        return  # A default that has no JSON form still serves; only the schema cannot show it.


def _checked(text: bytes) -> bytes:
    if b"NaN" in text or b"Infinity" in text:
        json.loads(text, parse_constant=_refuse_constant)
    return text


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
