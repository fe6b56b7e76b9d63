"""Flags made from a task's JSON Schema: what a person may write after `workmill call TASK`.

Cyclopts reads them and shows them; it converts nothing itself, so that the command line and HTTP accept the same values
and refuse the others in the same words.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias, TypedDict, cast

from cyclopts import Parameter

from workmill.cli.values import ANYTHING, Kinds, list_of, object_of, one_of

Schema: TypeAlias = Mapping[str, object]
_DEEPEST = 4
"""How far nested models get flags of their own; what lies deeper is given as JSON."""


def argument_flags(schema: Schema) -> list[inspect.Parameter]:
    """Return the parameters of a command that takes the arguments which `schema` describes, in the same order.

    A required argument of a simple type may be given by its place; every argument has a flag. Nested models have flags
    with dots (`--opts.depth`), lists are repeated flags, and anything else is written as JSON.
    """
    required = _names(schema.get("required"))
    return sorted(
        (_parameter(name, each, name in required, schema) for name, each in _properties(schema).items()),
        key=lambda parameter: parameter.kind,
    )


def kinds_of(schema: Schema, name: str) -> Kinds:
    """Return every JSON type that `schema` allows for one argument; any for one that it does not know."""
    return _kinds(_resolved(_properties(schema).get(name, {}), schema), schema)


def _parameter(name: str, schema: Schema, is_required: bool, root: Schema) -> inspect.Parameter:  # noqa: FBT001 - private
    by_place = is_required and _is_simple(_resolved(schema, root), root)
    default = schema.get("default")
    shown = default if isinstance(default, str | int | float) else None
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD if by_place else inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if is_required else shown,
        annotation=Annotated[_hint(schema, root, depth=0), _described(_description(schema))],
    )


def _hint(schema: Schema, root: Schema, *, depth: int) -> object:
    """Return the type hint by which Cyclopts names, groups and splits the words; the values pass through untouched.

    Each hint allows None, because Cyclopts checks what stands for "not given", too.
    """
    schema = _resolved(schema, root)
    if choices := _choices(schema):
        return Literal[choices] | None
    kinds = _kinds(schema, root)
    if kinds <= {"boolean", "null"}:
        return bool | None
    if kinds <= {"array", "null"} and "items" in (items := _branch(schema, "array", root)):
        return _list_hint(items, root)
    if kinds <= {"object", "null"} and depth < _DEEPEST:
        return _object_hint(_branch(schema, "object", root), root, depth)
    return _leaf(kinds)


def _leaf(kinds: Kinds) -> object:
    return Annotated[
        object, Parameter(converter=one_of(kinds), metavar=_metavar(kinds), n_tokens=1, accepts_keys=False)
    ]


def _list_hint(schema: Schema, root: Schema) -> object:
    items = schema.get("items")
    kinds = _kinds(_resolved(items, root), root) if isinstance(items, Mapping) else ANYTHING
    return Annotated[list[object] | None, Parameter(converter=list_of(kinds), metavar=_metavar(kinds), json_list=False)]


def _object_hint(schema: Schema, root: Schema, depth: int) -> object:
    fields = _properties(schema)
    if not fields:
        values = schema.get("additionalProperties")
        kinds = _kinds(_resolved(values, root), root) if isinstance(values, Mapping) else ANYTHING
        as_read = Parameter(converter=object_of(kinds), json_dict=False, metavar="JSON")
        return Annotated[dict[str, object] | None, as_read]
    required = _names(schema.get("required"))
    shape = {
        name: Annotated[_hint(each, root, depth=depth + 1), _described(_nested_help(each, name in required))]
        for name, each in fields.items()
    }
    # Cyclopts must not ask for a field: it cannot know that the whole model may be left out.
    model = TypedDict(str(schema.get("title", "object")), shape, total=False)  # type: ignore[misc] # made at run time
    return Annotated[model | None, Parameter(converter=object_of(ANYTHING), json_dict=False)]


def _is_simple(schema: Schema, root: Schema) -> bool:
    return not _kinds(schema, root) & {"boolean", "array", "object"} or bool(_choices(schema))


def _kinds(schema: Schema, root: Schema) -> Kinds:
    """Return every JSON type that a schema allows."""
    if "const" in schema or "enum" in schema:
        return frozenset(_kind_of(each) for each in _enumerated(schema))
    if branches := list(_branches(schema, root)):
        return frozenset().union(*(_kinds(branch, root) for branch in branches))
    match schema.get("type"):
        case str() as kind:
            return frozenset({kind})
        case list() as kinds:
            return frozenset(str(kind) for kind in kinds)
        case _:
            return ANYTHING


def _branches(schema: Schema, root: Schema) -> Iterator[Schema]:
    for word in ("anyOf", "oneOf"):
        members = schema.get(word)
        for member in members if isinstance(members, list) else ():
            yield _resolved(member, root)


def _branch(schema: Schema, kind: str, root: Schema) -> Schema:
    """Return the one branch of a union that is of a kind, else an empty schema: several cannot share their flags."""
    branches = list(_branches(schema, root)) or [schema]
    fitting = [branch for branch in branches if _kinds(branch, root) == {kind}]
    return fitting[0] if len(fitting) == 1 else {}


def _choices(schema: Schema) -> tuple[str, ...]:
    values = _enumerated(schema)
    return tuple(str(each) for each in values) if values and all(isinstance(each, str) for each in values) else ()


def _enumerated(schema: Schema) -> list[object]:
    values = schema.get("enum", [schema.get("const")] if "const" in schema else [])
    return values if isinstance(values, list) else []


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _resolved(schema: object, root: Schema) -> Schema:
    """Follow a `$ref` into `$defs`; the words beside it stay."""
    if not isinstance(schema, Mapping):
        return {}
    pointer = schema.get("$ref")
    if not isinstance(pointer, str):
        return schema
    target = cast("Mapping[str, Schema]", root.get("$defs", {})).get(pointer.rpartition("/")[2], {})
    beside = {word: each for word, each in schema.items() if word != "$ref"}
    return {**_resolved(target, root), **beside}


def _properties(schema: Schema) -> Mapping[str, Schema]:
    found = schema.get("properties")
    # A schema may also be true, which allows anything.
    return (
        {name: each if isinstance(each, Mapping) else {} for name, each in found.items()}
        if isinstance(found, Mapping)
        else {}
    )


def _names(found: object) -> frozenset[str]:
    return frozenset(str(each) for each in found) if isinstance(found, list) else frozenset()


def _described(text: str | None) -> Parameter:
    # Without a word from the schema, what the function's docstring says of the argument stands.
    return Parameter() if text is None else Parameter(help=text)


def _description(schema: Schema) -> str | None:
    found = schema.get("description")
    return found if isinstance(found, str) else None


def _nested_help(schema: Schema, is_required: bool) -> str | None:  # noqa: FBT001 - private
    said = _description(schema)
    return " ".join(filter(None, (said, "[required]"))) if is_required else said


_METAVARS = (
    ("string", "TEXT"),
    ("number", "NUMBER"),
    ("integer", "INT"),
    ("boolean", "BOOL"),
    ("object", "JSON"),
    ("array", "JSON"),
)


def _metavar(kinds: Kinds) -> str:
    if kinds == ANYTHING:
        return "JSON"
    shown = [word for kind, word in _METAVARS if kind in kinds]
    if "INT" in shown and "NUMBER" in shown:
        shown.remove("INT")
    return "|".join(dict.fromkeys(shown)) or "JSON"
