"""From the fields of a form to the value that they stand for."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workmill.dashboard.forms.field import Field
from workmill.dashboard.forms.shape import ABSENT, Empty, Kind

LONGEST_NUMBER = 1000

_WHOLE = re.compile(r"[-+]?\d+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong at one field, by its name."""

    name: str
    detail: str


class _Unreadable(ValueError):
    """What is typed stands for no value."""


def value_of(field: Field) -> tuple[object, list[Fault]]:
    """Return the value that the fields stand for (`ABSENT`: none), and where what is typed stands for nothing."""
    faults: list[Fault] = []
    return _value(field, faults), faults


def _value(field: Field, faults: list[Fault]) -> object:
    try:
        return _inside(field, faults) if field.shape.is_compound and not field.is_json else _simple(field)
    except _Unreadable as error:
        faults.append(Fault(name=field.name, detail=str(error)))
        return ABSENT


def _inside(field: Field, faults: list[Fault]) -> object:
    match field.shape.kind:
        case Kind.RECORD:
            found = (
                (key, _value(child, faults)) for key, child in zip(field.shape.members, field.children, strict=True)
            )
            return {key: value for key, value in found if value is not ABSENT}
        case Kind.MAPPING:
            return _mapping(field, faults)
        case Kind.UNION:
            return _value(field.children[field.chosen or 0], faults)
        case _:
            return _items(field.children, faults)


def _items(children: Sequence[Field], faults: list[Fault]) -> list[object]:
    found: list[object] = []
    for child in children:
        before = len(faults)
        found.append(_value(child, faults))
        if found[-1] is ABSENT and len(faults) == before:
            faults.append(Fault(name=child.name, detail="give a value, or remove it"))
    return found


def _mapping(field: Field, faults: list[Fault]) -> dict[str, object]:
    found: dict[str, object] = {}
    for child, value in zip(field.children, _items(field.children, faults), strict=True):
        if child.key in found:
            faults.append(Fault(name=child.name, detail="this key is given twice"))
        found[child.key] = value
    return found


def _simple(field: Field) -> object:
    shape, text = field.shape, field.text
    match shape.kind:
        case _ if field.is_json:
            return _read_json(text)
        case Kind.CONSTANT:
            return shape.choices[0]
        case Kind.FLAG:
            return bool(text)
        case Kind.TEXT if text or field.is_blank or shape.empty is Empty.TEXT:
            return text
        case _ if not text.strip():
            return None if shape.empty is Empty.NULL else ABSENT
        case Kind.NUMBER:
            return _read_number(text.strip(), is_whole=shape.is_whole)
        case _:
            return _read_json(text)


def _read_number(text: str, *, is_whole: bool) -> int | float:
    if len(text) > LONGEST_NUMBER:
        raise _Unreadable("give a shorter number")
    if _WHOLE.fullmatch(text):
        return int(text)
    if is_whole:
        raise _Unreadable("give a whole number")
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise _Unreadable("give a number, such as 1.5")
    return number


def _read_json(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise _Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise _Unreadable(f"this is not JSON: {error}") from None


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")
