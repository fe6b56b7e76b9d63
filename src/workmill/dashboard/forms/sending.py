"""From what a browser sent to the fields that it had, as they were typed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from workmill.dashboard.forms.field import (
    BLANK_SUFFIX,
    CHOSEN_SUFFIX,
    COUNT_SUFFIX,
    JSON_SUFFIX,
    KEY_SUFFIX,
    Field,
)
from workmill.dashboard.forms.filling import MOST_ITEMS, entry
from workmill.dashboard.forms.shape import Kind, Shape, as_text

Controls = Mapping[str, str]


def sent(shape: Shape, controls: Controls, *, name: str = "", pointer: str = "") -> Field:
    """Return the fields as a browser sent them; an unknown control is nobody's."""
    if (text := controls.get(name + JSON_SUFFIX)) is not None:
        return Field(shape=shape, name=name, pointer=pointer, text=_lines(text), is_json=True)
    if shape.is_compound:
        return _inside(shape, controls, name, pointer)
    return Field(
        shape=shape,
        name=name,
        pointer=pointer,
        text=_lines(controls.get(name, "")),
        is_blank=name + BLANK_SUFFIX in controls,
    )


def _inside(shape: Shape, controls: Controls, name: str, pointer: str) -> Field:
    chosen = None
    match shape.kind:
        case Kind.RECORD:
            children = [
                sent(member, controls, name=f"{name}/{as_text(key)}", pointer=f"{pointer}/{as_text(key)}")
                for key, member in shape.members.items()
            ]
        case Kind.POSITIONS:
            children = _numbered(shape.parts, controls, name, pointer)
        case Kind.LIST if shape.item is not None:
            children = _numbered([shape.item] * _count(controls, name), controls, name, pointer)
        case Kind.MAPPING if shape.item is not None:
            children = [
                _entry(shape.item, controls, f"{name}/{place}", pointer) for place in range(_count(controls, name))
            ]
        case _:
            chosen = min(_number(controls.get(name + CHOSEN_SUFFIX)), len(shape.parts) - 1)
            children = [
                sent(part, controls, name=f"{name}~{place}", pointer=pointer) for place, part in enumerate(shape.parts)
            ]
    return Field(shape=shape, name=name, pointer=pointer, chosen=chosen, children=tuple(children))


def with_more(field: Field, name: str, made: Callable[[Shape, str, str], Field]) -> Field:
    """Return the fields with one more entry in the list or mapping of this name."""
    if field.name == name and field.shape.item is not None and len(field.children) < MOST_ITEMS:
        place = len(field.children)
        new = made(field.shape.item, f"{name}/{place}", f"{field.pointer}/{place}")
        return replace(field, children=(*field.children, new))
    return replace(field, children=tuple(with_more(child, name, made) for child in field.children))


def without(controls: Controls, name: str) -> dict[str, str]:
    """Return what was sent, without one entry of a list or mapping; those behind it move up."""
    above, _, last = name.rpartition("/")
    gone, count = _number(last), _count(controls, above)
    kept: dict[str, str] = {}
    for key, value in controls.items():
        place, rest = _place(key, above)
        if place is None or place < gone:
            kept[key] = value
        elif place > gone:
            kept[f"{above}/{place - 1}{rest}"] = value
    return {**kept, above + COUNT_SUFFIX: str(max(count - 1, 0))}


def _place(key: str, above: str) -> tuple[int | None, str]:
    """Return which entry of a list a control is of, and what comes behind its number."""
    if not key.startswith(above + "/"):
        return None, ""
    tail = key[len(above) + 1 :]
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return (int(digits), tail[len(digits) :]) if digits else (None, "")


def _entry(shape: Shape, controls: Controls, name: str, pointer: str) -> Field:
    key = controls.get(name + KEY_SUFFIX, "")
    return entry(sent(shape, controls, name=name, pointer=f"{pointer}/{as_text(key)}"), key)


def _numbered(shapes: Sequence[Shape], controls: Controls, name: str, pointer: str) -> list[Field]:
    return [
        sent(shape, controls, name=f"{name}/{place}", pointer=f"{pointer}/{place}")
        for place, shape in enumerate(shapes)
    ]


def _count(controls: Controls, name: str) -> int:
    return min(_number(controls.get(name + COUNT_SUFFIX)), MOST_ITEMS)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and text.isascii() and len(text) < 10 else 0


def _lines(text: str) -> str:
    """Undo what a browser does to the ends of lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
