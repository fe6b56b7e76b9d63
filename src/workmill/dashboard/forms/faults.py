"""What is wrong with a value, shown at the fields that it came from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from workmill import ArgumentError
from workmill.dashboard.forms.field import Field
from workmill.dashboard.forms.shape import Kind
from workmill.dashboard.forms.valuing import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """A form with what is wrong at its fields.

    Attributes:
        field: The form.
        places: What is wrong, with the field it stands at; that of the whole form where no field is nearer.
    """

    field: Field
    places: tuple[tuple[Field, str], ...]


def noted(field: Field, faults: Sequence[Fault]) -> Faulty:
    """Return a form with faults at the fields they name."""
    by_name: dict[str, list[str]] = {}
    for fault in faults:
        by_name.setdefault(fault.name, []).append(fault.detail)
    places: list[tuple[Field, str]] = []
    return Faulty(field=_noted(field, by_name, places), places=tuple(places))


def placed(field: Field, errors: Iterable[ArgumentError]) -> Faulty:
    """Return a form with what a signature said about its value, each at the nearest field."""
    return noted(field, [Fault(name=_nearest(field, error), detail=_said(error)) for error in _chosen(field, errors)])


def _noted(field: Field, by_name: Mapping[str, list[str]], places: list[tuple[Field, str]]) -> Field:
    said = tuple(dict.fromkeys(by_name.get(field.name, ())))
    marked = replace(field, faults=said)
    places += [(marked, each) for each in said]
    return replace(marked, children=tuple(_noted(child, by_name, places) for child in field.children))


def _said(error: ArgumentError) -> str:
    return "give a value" if error.type == "missing" else error.detail[:1].lower() + error.detail[1:]


def _segments(pointer: str) -> list[str]:
    return pointer.removeprefix("#").split("/")[1:]


def _chosen(field: Field, errors: Iterable[ArgumentError]) -> list[ArgumentError]:
    """Leave out what a union's other branches say, where the branch that is meant says something, too."""
    known = list(errors)
    meant = [error for error in known if _is_meant(field, _segments(error.pointer))]
    return meant or known


def _is_meant(field: Field, segments: list[str]) -> bool:
    if field.is_json or not segments:
        return True
    if field.shape.kind is Kind.UNION:
        inner = field.children[field.chosen or 0]
        is_branch = _is_branch(inner, segments[0])
        if is_branch or not any(_is_branch(each, segments[0]) for each in field.children):
            return _is_meant(inner, segments[1:] if is_branch else segments)
        return False
    inside = _child(field, segments[0])
    return inside is None or _is_meant(inside, segments[1:])


def _nearest(field: Field, error: ArgumentError) -> str:
    """Return the name of the field that an error is about, or of the innermost one that it is within."""
    segments, here = _segments(error.pointer), field
    while segments and not here.is_json:
        if here.shape.kind is Kind.UNION:
            here = here.children[here.chosen or 0]
            segments = segments[1:] if _is_branch(here, segments[0]) else segments
            continue
        inside = _child(here, segments[0])
        if inside is None:
            break
        here, segments = inside, segments[1:]
    return here.name


def _child(field: Field, segment: str) -> Field | None:
    wanted = f"{field.pointer}/{segment}"
    return next((child for child in field.children if child.pointer == wanted), None)


def _is_branch(field: Field, segment: str) -> bool:
    """Whether a segment of an error's path names this branch of a union and not something inside it."""
    name = segment.partition("[")[0]
    return name in field.shape.words or segment in _tags(field)


def _tags(field: Field) -> set[str]:
    constants = (member for member in field.shape.members.values() if member.kind is Kind.CONSTANT)
    return {str(constant.choices[0]) for constant in constants}
