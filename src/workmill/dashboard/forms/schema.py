"""From a JSON Schema, as Pydantic writes it, to what a form asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from workmill.dashboard.forms.shape import ABSENT, Empty, Kind, Shape

Schema: TypeAlias = Mapping[str, object]

DEEPEST = 8
"""How many things may be inside one another; what lies deeper is asked for as JSON."""
MOST_SHAPES = 1000
"""How much one form asks for."""
LONG_TEXT = 100
"""A text that may be longer gets room for lines."""

_CONTROLS = {
    "date": ("date", ""),
    "date-time": ("text", "2026-01-31T12:00:00Z"),
    "time": ("text", "14:30:00"),
    "duration": ("text", "PT1H30M or 01:30:00"),
    "uuid": ("text", "12345678-90ab-cdef-1234-567890abcdef"),
    "email": ("text", "anna@example.com"),
    "uri": ("text", "https://example.com/"),
    "path": ("text", ""),
    "base64url": ("textarea", "Base64"),
    "binary": ("textarea", "Base64"),
}
"""The input and the hint for each format of a text."""

_WORDS = {
    "string": {"str", "text"},
    "integer": {"int"},
    "number": {"float"},
    "boolean": {"bool"},
    "array": {"list", "tuple", "set", "frozenset"},
    "object": {"dict"},
}
"""What the branch of a union is called in errors, by type."""


_OF_CHOICES = frozenset({"literal", "enum"})
_NULL = Shape(kind=Kind.NOTHING, label="nothing", empty=Empty.NULL)
_LEFT_OUT = Shape(kind=Kind.NOTHING, label="leave out", empty=Empty.OMITTED)


def shape_of(schema: Schema) -> Shape:
    """Return what a form for values of a schema asks for; whatever it knows no field for is a text of JSON."""
    return _Reader(schema).read(schema, label="", is_needed=True)


class _Reader:
    """One reading of a schema, which counts what it has made."""

    def __init__(self, root: Schema) -> None:
        self._definitions = _mapping(root.get("$defs"))
        self._within: list[str] = []
        self._made = 0

    def read(self, schema: object, *, label: str, is_needed: bool) -> Shape:
        """Return the shape of one part of the schema."""
        if not isinstance(schema, Mapping):
            return self._about({}, Shape(kind=Kind.JSON), label, is_needed=is_needed)
        entered, resolved = self._resolved(schema)
        self._made += 1
        if resolved is None or len(self._within) > DEEPEST or self._made > MOST_SHAPES:
            shape, resolved = Shape(kind=Kind.JSON), schema
        else:
            shape = self._shape(resolved)
        del self._within[len(self._within) - entered :]
        return self._about(resolved, shape, label, is_needed=is_needed)

    def _resolved(self, schema: Schema) -> tuple[int, Schema | None]:
        """Follow references; None where one leads back to where it comes from, or nowhere."""
        entered = 0
        while isinstance(name := schema.get("$ref"), str):
            target = self._definitions.get(name.removeprefix("#/$defs/"))
            if name in self._within or not isinstance(target, Mapping):
                return entered, None
            self._within.append(name)
            entered += 1
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        return entered, schema

    def _about(self, schema: Schema, shape: Shape, label: str, *, is_needed: bool) -> Shape:
        default, examples, doc = schema.get("default", ABSENT), schema.get("examples"), schema.get("description")
        if default is None and not _takes_null(shape):
            default = ABSENT  # It cannot be sent: only to leave it out gives it.
        if default is ABSENT and is_needed and isinstance(examples, list) and examples:
            default = examples[0]
        about = replace(
            shape,
            label=label,
            doc=doc if isinstance(doc, str) else "",
            default=default,
            is_needed=is_needed,
            words=shape.words | _words(schema),
        )
        return about if is_needed else _optional(about)

    def _shape(self, schema: Schema) -> Shape:
        if "const" in schema:
            return Shape(kind=Kind.CONSTANT, choices=(schema["const"],), words=_OF_CHOICES)
        if isinstance(values := schema.get("enum"), list):
            return Shape(kind=Kind.CHOICE, choices=tuple(values), words=_OF_CHOICES)
        for word in ("anyOf", "oneOf"):
            if isinstance(branches := schema.get(word), list):
                return self._union(branches)
        if "allOf" in schema or "not" in schema or "if" in schema:
            return Shape(kind=Kind.JSON)
        reader = self._by_type().get(str(schema.get("type")))
        return Shape(kind=Kind.JSON) if reader is None else reader(schema)

    def _by_type(self) -> dict[str, Callable[[Schema], Shape]]:
        return {
            "string": _text,
            "integer": _number,
            "number": _number,
            "boolean": lambda _: Shape(kind=Kind.FLAG),
            "null": lambda _: _NULL,
            "array": self._array,
            "object": self._object,
        }

    def _union(self, branches: Sequence[object]) -> Shape:
        is_null = [isinstance(each, Mapping) and each.get("type") == "null" for each in branches]
        others = [each for each, null in zip(branches, is_null, strict=True) if not null]
        parts = tuple(self.read(each, label=self._title(each), is_needed=True) for each in others)
        if len(parts) == 1:
            return _nullable(parts[0]) if any(is_null) else parts[0]
        return Shape(kind=Kind.UNION, parts=((_NULL, *parts) if any(is_null) else parts))

    def _title(self, schema: object) -> str:
        """Return what a branch of a union is called."""
        if not isinstance(schema, Mapping):
            return "JSON"
        if isinstance(name := schema.get("$ref"), str):
            target = _mapping(self._definitions.get(name.removeprefix("#/$defs/")))
            return str(target.get("title") or name.removeprefix("#/$defs/"))
        said = schema.get("title") or schema.get("format") or schema.get("type")
        return {"string": "text", "array": "list", "boolean": "yes or no", "integer": "whole number"}.get(
            str(said), str(said or "JSON")
        )

    def _array(self, schema: Schema) -> Shape:
        items, first = schema.get("items"), schema.get("prefixItems")
        if isinstance(first, list):
            if not schema.get("minItems") == schema.get("maxItems") == len(first):
                return Shape(kind=Kind.JSON)
            parts = [self.read(each, label=str(place), is_needed=True) for place, each in enumerate(first, 1)]
            return Shape(kind=Kind.POSITIONS, parts=tuple(parts))
        if not isinstance(items, Mapping) or not items:
            return Shape(kind=Kind.JSON)
        return Shape(kind=Kind.LIST, item=self.read(items, label="", is_needed=True))

    def _object(self, schema: Schema) -> Shape:
        members, others = _mapping(schema.get("properties")), schema.get("additionalProperties", False)
        if "patternProperties" in schema or others is True or others == {}:
            return Shape(kind=Kind.JSON)
        if isinstance(others, Mapping):
            item = self.read(others, label="", is_needed=True)
            return Shape(kind=Kind.JSON) if members else Shape(kind=Kind.MAPPING, item=item)
        needed = schema.get("required", ())
        return Shape(
            kind=Kind.RECORD,
            members={
                name: self.read(each, label=name, is_needed=isinstance(needed, list) and name in needed)
                for name, each in members.items()
            },
        )


def _text(schema: Schema) -> Shape:
    form, longest = str(schema.get("format", "")), schema.get("maxLength")
    is_short = "pattern" in schema or (isinstance(longest, int) and longest <= LONG_TEXT)
    usual = ("text" if form or is_short else "textarea", "")
    control, hint = _CONTROLS.get(form, usual)
    return Shape(kind=Kind.TEXT, control=control, hint=hint, empty=Empty.OMITTED if form else Empty.TEXT)


def _number(schema: Schema) -> Shape:
    return Shape(
        kind=Kind.NUMBER,
        is_whole=schema.get("type") == "integer",
        least=_bound(schema.get("minimum")),
        most=_bound(schema.get("maximum")),
    )


def _bound(given: object) -> str:
    return str(given) if isinstance(given, int | float) else ""


def _nullable(shape: Shape) -> Shape:
    """Return a shape that can also be null."""
    if shape.kind is Kind.FLAG:
        return replace(shape, kind=Kind.CHOICE, choices=(True, False), empty=Empty.NULL)
    if shape.is_compound or shape.kind is Kind.CONSTANT:
        several = shape.parts if shape.kind is Kind.UNION else (shape,)
        return Shape(kind=Kind.UNION, parts=(_NULL, *several))
    return replace(shape, empty=Empty.NULL)


def _optional(shape: Shape) -> Shape:
    """Return a shape that may be left out; one with a known default is sent with that, if nothing else."""
    if shape.default is not ABSENT or shape.kind is Kind.NOTHING:
        return shape
    if shape.kind is Kind.FLAG:
        return replace(shape, kind=Kind.CHOICE, choices=(True, False), empty=Empty.OMITTED)
    if shape.is_compound or shape.kind is Kind.CONSTANT:
        several = (
            shape.parts if shape.kind is Kind.UNION else (replace(shape, label="a value", doc="", is_needed=True),)
        )
        return replace(shape, kind=Kind.UNION, members={}, item=None, choices=(), parts=(_LEFT_OUT, *several))
    return replace(shape, empty=Empty.OMITTED)


def _takes_null(shape: Shape) -> bool:
    if shape.kind is Kind.UNION:
        return _NULL in shape.parts
    is_given = shape.kind in {Kind.CHOICE, Kind.CONSTANT} and None in shape.choices
    return is_given or shape.empty is Empty.NULL


def _words(schema: Schema) -> frozenset[str]:
    named = {str(schema[key]) for key in ("title", "format") if key in schema}
    return frozenset(named | _WORDS.get(str(schema.get("type")), set()))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
