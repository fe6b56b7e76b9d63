"""A task's own schemas, moved into an OpenAPI document."""

from collections.abc import Mapping

from workmill import AnyTask
from workmill.http.problem import Document
from workmill.http.schemas import reference

_LOCAL = "#/$defs/"
_HOLD_DATA = frozenset({"default", "const", "enum", "examples"})
"""Keywords that hold data, in which a reference means nothing."""
_HOLD_NAMES = frozenset({"properties", "patternProperties", "dependentSchemas", "mapping"})
"""Keywords whose own keys are names, not keywords."""


def arguments_schema(task: AnyTask, schemas: Document) -> Document:
    """Return the schema of a task's arguments; what it refers to is added to `schemas`."""
    return _moved(task.schema, f"{_component(task.name)}.", schemas)


def submitted_schema(task: AnyTask, schemas: Document) -> Document:
    """Return the schema of a job of this task, with the type of its result; what it refers to is added to `schemas`."""
    result = _moved(task.result_schema, f"{_component(task.name)}.result.", schemas)
    return {"allOf": [reference("Job"), {"properties": {"result": {"anyOf": [result, {"type": "null"}]}}}]}


def _component(name: str) -> str:
    return name.replace(":", "-colon-")  # the one character of a task's name that a component's may not have


def _moved(schema: Mapping[str, object], prefix: str, schemas: Document) -> Document:
    own = schema.get("$defs")
    if isinstance(own, dict):
        schemas.update({prefix + name: _renamed(definition, prefix) for name, definition in own.items()})
    return {keyword: _keyword(keyword, value, prefix) for keyword, value in schema.items() if keyword != "$defs"}


def _keyword(keyword: str, value: object, prefix: str) -> object:
    if keyword in _HOLD_DATA:
        return value
    if keyword in _HOLD_NAMES and isinstance(value, dict):
        return {name: _renamed(each, prefix) for name, each in value.items()}
    return _renamed(value, prefix)


def _renamed(value: object, prefix: str) -> object:
    match value:
        case dict():
            return {keyword: _keyword(keyword, each, prefix) for keyword, each in value.items()}
        case list():
            return [_renamed(each, prefix) for each in value]
        case str() if value.startswith(_LOCAL):
            return f"#/components/schemas/{prefix}{value.removeprefix(_LOCAL)}"
        case _:
            return value
