"""A function's type hints as a contract: what is accepted, how it is written as JSON, and its JSON Schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from types import NoneType
from typing import Literal, get_type_hints

from workmill.craft.shape import Mismatch, Shape
from workmill.words.codec import Json, load
from workmill.words.errors import ArgumentError, InvalidArguments, TaskError

_PREFIX, _SUFFIX = b'{"value":', b"}"


class ResultRejected(TaskError):
    """A task's result is not of its return type, or has no JSON form."""


class Signature:
    """The arguments and the result of one function, checked against its type hints.

    What is costly or needs every name of the module to be defined is made at first use, not at decoration.

    Raises:
        TaskError: A parameter cannot be a task's; at first use: a type hint cannot.
    """

    def __init__(self, task: str, function: Callable[..., object]) -> None:
        self._task = task
        self._function = function
        try:
            self._parameters: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:
            raise TaskError(f"task {task!r}: {function!r} has no signature to read: {error}") from None
        for parameter in self._parameters.values():
            _refuse_unsupported(task, parameter)

    def dump_call(self, args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
        """Check a call and write its arguments as one JSON object, in the order of the parameters.

        Raises:
            InvalidArguments: They do not match the type hints.
        """
        try:
            return self._dump(self._arguments.check(self._named(args, kwargs) if args else kwargs))
        except Mismatch as error:
            raise InvalidArguments(self._task, error.errors) from None

    def dump_rest(self, args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
        """Do as `dump_call` for a call whose first argument comes later.

        Raises:
            InvalidArguments: They do not match the type hints of the other parameters, or there is no first one.
        """
        if not self._parameters:
            raise self._refusal("#", "takes no argument, so that it can get none from the job that it follows", "call")
        try:
            return self._dump(self._rest.check(self._named(args, kwargs, given=1) if args else kwargs))
        except Mismatch as error:
            raise InvalidArguments(self._task, error.errors) from None

    def dump_json_call(self, raw: bytes) -> bytes:
        """Check arguments that arrive as JSON and write them anew.

        Strict, because JSON has types of its own: `"1"` and `true` are no integers. `1.0` is one.

        Raises:
            InvalidArguments: They are not a JSON object that matches the type hints.
        """
        try:
            return self._dump(self._arguments.read_strictly(raw))
        except Mismatch as error:
            raise InvalidArguments(self._task, error.errors) from None

    def load_call(self, args: bytes) -> Mapping[str, Json]:
        """Read stored arguments as the keyword arguments of a call.

        Raises:
            InvalidArguments: They do not match the type hints, which may have changed since.
        """
        try:
            return self._arguments.read(args)
        except Mismatch as error:
            raise InvalidArguments(self._task, error.errors) from None

    def dump_result(self, value: object) -> bytes:
        """Check a returned value and write it as JSON.

        Raises:
            ResultRejected: It is not of the return type, or has no JSON form.
        """
        shape = self._result
        try:
            return shape.write(shape.check({"value": value}))[len(_PREFIX) : -len(_SUFFIX)]
        except Mismatch as error:
            what = type(value).__name__
            raise ResultRejected(f"the returned {what} is not what the return type says: {_at_value(error)}") from None
        except ValueError as error:
            raise ResultRejected(f"the returned {type(value).__name__} has no JSON form: {error}") from None

    def load_result(self, text: bytes) -> Json:
        """Read a stored result as the return type.

        Raises:
            ResultRejected: It does not match the return type, which may have changed since.
        """
        try:
            return self._result.read(_PREFIX + text + _SUFFIX)["value"]
        except Mismatch as error:
            said = _at_value(error)
            raise ResultRejected(f"the stored result is not what the return type says now: {said}") from None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the function's parameters, in their order."""
        return tuple(self._parameters)

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of those that have no default."""
        return tuple(name for name in self._parameters if name not in self._optional)

    def arguments(self, args: bytes) -> dict[str, Json]:
        """Return the arguments of a job as JSON values by name, with the defaults of what the call did not give."""
        given: dict[str, Json] = load(args)
        return {**self._defaults, **given}

    @cached_property
    def schema(self) -> dict[str, Json]:
        """The JSON Schema of the arguments, one object."""
        schema = {**self._arguments.schema, "title": self._task}
        for name, default in self._defaults.items():
            schema["properties"][name]["default"] = default
        return schema

    @cached_property
    def result_schema(self) -> dict[str, Json]:
        """The JSON Schema of the result."""
        schema = self._result.schema
        value = dict(schema["properties"]["value"])
        if "$ref" not in value:
            value["title"] = "Result"
        return value | ({"$defs": schema["$defs"]} if "$defs" in schema else {})

    @property
    def problem(self) -> str | None:
        """Why no call of this function can be a job; None where all is well."""
        try:
            _ = self._arguments, self._result
        except TaskError as error:
            return str(error)
        return None

    @cached_property
    def _arguments(self) -> Shape:
        return self._shape("arguments", {name: self._hints.get(name, Json) for name in self._parameters}, "validation")

    @cached_property
    def _rest(self) -> Shape:
        hints = {name: self._hints.get(name, Json) for name in self.parameters[1:]}
        return self._shape("arguments", hints, "validation")

    @cached_property
    def _result(self) -> Shape:
        hint = self._hints.get("return", Json)
        return self._shape("result", {"value": NoneType if hint is None else hint}, "serialization")

    def _shape(self, what: str, hints: Mapping[str, object], mode: Literal["validation", "serialization"]) -> Shape:
        from workmill.craft.pydantic_shape import PydanticShape  # noqa: PLC0415 - loaded when it is needed

        optional = self._optional if what == "arguments" else frozenset[str]()
        return PydanticShape(task=self._task, what=what, hints=hints, optional=optional, mode=mode)

    @cached_property
    def _hints(self) -> Mapping[str, object]:
        try:
            return get_type_hints(self._function, include_extras=True)
        except Exception as error:  # a hint that is a string may hold any code
            said = f"{type(error).__name__}: {error}"
            raise TaskError(f"task {self._task!r}: a type hint cannot be read: {said}") from error

    @cached_property
    def _defaults(self) -> Mapping[str, Json]:
        """The defaults that have a JSON form; one that has none still serves, only that nothing can show it."""
        from workmill.craft.pydantic_shape import json_default  # noqa: PLC0415 - loaded when it is needed

        found: dict[str, Json] = {}
        for name in self._optional:
            with suppress(ValueError):
                found[name] = json_default(self._parameters[name].default)
        return found

    @cached_property
    def _optional(self) -> frozenset[str]:
        return frozenset(
            name for name, parameter in self._parameters.items() if parameter.default is not parameter.empty
        )

    def _named(self, args: Sequence[object], kwargs: Mapping[str, object], given: int = 0) -> Mapping[str, object]:
        names = [name for name, each in self._parameters.items() if each.kind is not each.KEYWORD_ONLY][given:]
        if len(args) > len(names):
            raise self._refusal("#", f"takes {len(names)} positional arguments, {len(args)} were given", "call")
        named = dict(zip(names, args, strict=False))
        for name in kwargs:
            if name in named:
                raise self._refusal(f"#/{name}", "is given twice, by position and by name", "call")
        return named | dict(kwargs)

    def _dump(self, arguments: Mapping[str, object]) -> bytes:
        try:
            return self._arguments.write(arguments)
        except ValueError as error:
            raise self._refusal("#", f"no JSON form: {error}", "not_json") from error

    def _refusal(self, pointer: str, detail: str, slug: str) -> InvalidArguments:
        return InvalidArguments(self._task, [ArgumentError(pointer=pointer, detail=detail, type=slug)])


def _refuse_unsupported(task: str, parameter: inspect.Parameter) -> None:
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        raise TaskError(f"task {task!r}: parameter {parameter} is open-ended; take a list or a dict instead")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise TaskError(f"task {task!r}: parameter {parameter.name!r} is positional-only; remove the `/`")
    if type(parameter.default).__name__ == "FieldInfo":
        raise TaskError(
            f"task {task!r}: the default of parameter {parameter.name!r} is a pydantic Field, which a plain call would "
            f"hand over as it is; write `{parameter.name}: Annotated[..., Field(...)]`"
        )


def _at_value(error: Mismatch) -> str:
    return "; ".join(f"{each.pointer.removeprefix('#/value') or 'it'}: {each.detail}" for each in error.errors)
