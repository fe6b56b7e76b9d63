"""From a value to the fields that show it."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from workmill.dashboard.forms.field import Field
from workmill.dashboard.forms.shape import ABSENT, Empty, Kind, Shape, as_text

MOST_ITEMS = 200
"""How many entries of a list have fields of their own; a longer one is shown as JSON."""
LONGEST_NUMBER = 300

_DATE = re.compile(r"(?!0000)\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_KEPT_OUT = re.compile("[\r\0\ud800-\udfff]")
"""What no form brings back as it was."""


def filled(shape: Shape, value: object = ABSENT, *, name: str = "", pointer: str = "") -> Field:
    """Return the fields for a value; without one, with what each shape is prefilled with.

    What a field cannot hold is shown as JSON, so that nothing is lost that was there.
    """
    if value is ABSENT:
        value = shape.default
    if value is ABSENT:
        return _empty(shape, name, pointer)
    if shape.kind is not Kind.JSON and not _holds(shape, value):
        is_left_out = value is None and shape.empty is Empty.OMITTED and not (shape.is_needed or shape.is_compound)
        text = "" if is_left_out else json_text(value)
        return Field(shape=shape, name=name, pointer=pointer, text=text, is_json=not is_left_out)
    if shape.is_compound:
        return _compound(shape, value, name, pointer)
    is_blank = shape.kind is Kind.TEXT and value == "" and shape.empty is not Empty.TEXT
    return Field(shape=shape, name=name, pointer=pointer, text=_text(shape, value), is_blank=is_blank)


def json_text(value: object) -> str:
    """Return a value as JSON for people to read and edit."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return json.dumps(value, indent=2) if _KEPT_OUT.search(text) else text


def _empty(shape: Shape, name: str, pointer: str) -> Field:
    match shape.kind:
        case Kind.RECORD:
            return _compound(shape, {}, name, pointer)
        case Kind.POSITIONS:
            return _compound(shape, [ABSENT] * len(shape.parts), name, pointer)
        case Kind.UNION:
            return _united(shape, ABSENT, 0, name, pointer)
        case _:
            return Field(shape=shape, name=name, pointer=pointer)


def _compound(shape: Shape, value: object, name: str, pointer: str) -> Field:
    match shape.kind:
        case Kind.RECORD if isinstance(value, dict):
            children = [
                filled(
                    member, value.get(key, ABSENT), name=f"{name}/{as_text(key)}", pointer=f"{pointer}/{as_text(key)}"
                )
                for key, member in shape.members.items()
            ]
        case Kind.POSITIONS if isinstance(value, list):
            children = _numbered(shape.parts, value, name, pointer)
        case Kind.LIST if isinstance(value, list) and shape.item is not None:
            children = _numbered([shape.item] * len(value), value, name, pointer)
        case Kind.MAPPING if isinstance(value, dict) and shape.item is not None:
            children = [
                entry(filled(shape.item, each, name=f"{name}/{place}", pointer=f"{pointer}/{as_text(key)}"), key)
                for place, (key, each) in enumerate(value.items())
            ]
        case _:
            chosen = next((place for place, part in enumerate(shape.parts) if fits(part, value)), 0)
            return _united(shape, value, chosen, name, pointer)
    return Field(shape=shape, name=name, pointer=pointer, children=tuple(children))


def entry(field: Field, key: str) -> Field:
    """Return the field of a mapping's entry with its key."""
    return replace(field, key=key)


def _numbered(shapes: Sequence[Shape], values: Sequence[object], name: str, pointer: str) -> list[Field]:
    both = zip(shapes, values, strict=True)
    return [
        filled(shape, value, name=f"{name}/{place}", pointer=f"{pointer}/{place}")
        for place, (shape, value) in enumerate(both)
    ]


def _united(shape: Shape, value: object, chosen: int, name: str, pointer: str) -> Field:
    children = [
        filled(part, value if place == chosen else ABSENT, name=f"{name}~{place}", pointer=pointer)
        for place, part in enumerate(shape.parts)
    ]
    return Field(shape=shape, name=name, pointer=pointer, chosen=chosen, children=tuple(children))


def _text(shape: Shape, value: object) -> str:
    match shape.kind:
        case Kind.JSON:
            return json_text(value)
        case Kind.CHOICE:
            return json.dumps(value)
        case Kind.FLAG:
            return "on" if value else ""
        case Kind.TEXT | Kind.NUMBER if value is not None:
            return str(value)
        case _:
            return ""


def fits(shape: Shape, value: object) -> bool:
    """Whether a value can be shown by the fields of a shape, with all that is inside it."""
    if not _holds(shape, value):
        return False
    match shape.kind:
        case Kind.RECORD if isinstance(value, dict):
            return all(
                fits(member, value[key]) if key in value else not member.is_needed
                for key, member in shape.members.items()
            )
        case Kind.POSITIONS if isinstance(value, list):
            return all(fits(part, each) for part, each in zip(shape.parts, value, strict=True))
        case Kind.LIST if isinstance(value, list) and shape.item is not None:
            return all(fits(shape.item, each) for each in value)
        case Kind.MAPPING if isinstance(value, dict) and shape.item is not None:
            return all(fits(shape.item, each) for each in value.values())
        case _:
            return True


def _holds(shape: Shape, value: object) -> bool:
    """Whether a value is one for the field of a shape, whatever is inside it."""
    match shape.kind:
        case Kind.TEXT:
            return isinstance(value, str) and _is_typed(shape, value) if value is not None else _takes_null(shape)
        case Kind.NUMBER:
            return _is_number(shape, value) if value is not None else _takes_null(shape)
        case Kind.CHOICE:
            return is_among(value, shape.choices) or (value is None and _takes_null(shape))
        case Kind.CONSTANT:
            return is_among(value, shape.choices)
        case Kind.UNION:
            return any(fits(part, value) for part in shape.parts)
        case _:
            return _is_made_of(shape, value)


def _is_made_of(shape: Shape, value: object) -> bool:
    match shape.kind:
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.NOTHING:
            return value is None and shape.empty is Empty.NULL
        case Kind.RECORD:
            return isinstance(value, dict) and value.keys() <= shape.members.keys()
        case Kind.POSITIONS:
            return isinstance(value, list) and len(value) == len(shape.parts)
        case Kind.LIST:
            return isinstance(value, list) and len(value) <= MOST_ITEMS
        case Kind.MAPPING:
            return isinstance(value, dict) and len(value) <= MOST_ITEMS and all(map(_is_key, value))
        case _:
            return True


def is_among(value: object, choices: Sequence[object]) -> bool:
    """Whether a value is one of some; true is not 1 here."""
    return any(type(each) is type(value) and each == value for each in choices)


def _takes_null(shape: Shape) -> bool:
    return shape.empty is Empty.NULL


def _is_number(shape: Shape, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, int):
        return value.bit_length() < LONGEST_NUMBER * 3
    return not shape.is_whole


def _is_typed(shape: Shape, value: str) -> bool:
    """Whether a text stays as it is when it was in its control."""
    if _KEPT_OUT.search(value) or (shape.control != "textarea" and ("\n" in value or not value)):
        return shape.control == "text" and not value and shape.empty is Empty.TEXT
    return shape.control != "date" or _DATE.fullmatch(value) is not None


def _is_key(key: object) -> bool:
    return isinstance(key, str) and "\n" not in key and not _KEPT_OUT.search(key)
