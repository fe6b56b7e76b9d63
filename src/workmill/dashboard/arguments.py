"""The form for a call's arguments: fields made of the task's schema, or by choice the JSON itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from workmill import ArgumentError
from workmill.dashboard.forms.faults import Faulty, noted, placed
from workmill.dashboard.forms.field import Field
from workmill.dashboard.forms.filling import filled, json_text
from workmill.dashboard.forms.schema import shape_of
from workmill.dashboard.forms.sending import sent, with_more, without
from workmill.dashboard.forms.shape import ABSENT, Kind, Shape
from workmill.dashboard.forms.valuing import Fault, value_of

WHOLE = "~json"
"""The control of all arguments as one JSON object."""
_ANYTHING = Shape(kind=Kind.JSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentForm:
    """A form as it is to be shown.

    Attributes:
        field: All arguments.
        places: What is wrong, with the field it stands at.
        has_fields: Whether there is another way than JSON.
    """

    field: Field
    places: tuple[tuple[Field, str], ...] = ()
    has_fields: bool = True

    def refused(self, errors: Iterable[ArgumentError]) -> "ArgumentForm":
        """Return the form with what the task's signature says about it."""
        known = list(errors)
        if not self.field.is_json:
            return self._with(placed(self.field, known))
        said = [Fault(name="", detail=f"{error.pointer.removeprefix('#') or 'all'}: {error.detail}") for error in known]
        return self._with(noted(self.field, said))

    def _with(self, faulty: Faulty) -> "ArgumentForm":
        return replace(self, field=faulty.field, places=faulty.places)


def form_for(schema: Mapping[str, object] | None, args: object = ABSENT, *, as_json: bool = False) -> ArgumentForm:
    """Return a form that shows arguments, or without them what is prefilled.

    Args:
        schema: Of the arguments; None where it is not known.
        args: Them.
        as_json: Whether to show JSON where there are fields, too.
    """
    if schema is None:
        return ArgumentForm(field=_json(_ANYTHING, {} if args is ABSENT else args), has_fields=False)
    shape = shape_of(schema)
    field = filled(shape, args)
    if as_json and not field.is_json:
        field = _json(shape, value_of(field)[0] if args is ABSENT else args)
    return ArgumentForm(field=field, has_fields=shape.kind is Kind.RECORD)


def asked_again(
    schema: Mapping[str, object] | None, controls: Mapping[str, str]
) -> tuple[ArgumentForm, dict[str, object] | None]:
    """Read what was sent. A button in the form may only have changed the form: then there are no arguments to run."""
    shape = _ANYTHING if schema is None else shape_of(schema)
    if "_drop" in controls:
        controls = without(controls, controls["_drop"])
    field = sent(shape, controls)
    if shape is _ANYTHING:
        field = replace(field, is_json=True)
    has_fields = shape.kind is Kind.RECORD
    if "_add" in controls:
        field = with_more(field, controls["_add"], _new)
    if "_add" in controls or "_drop" in controls:
        return ArgumentForm(field=field, has_fields=has_fields), None
    value, faults = value_of(field)
    if not isinstance(value, dict) and not faults:
        faults = [Fault(name="", detail="give a JSON object: the arguments by name")]
    if faults:
        faulty = noted(field, faults)
        return ArgumentForm(field=faulty.field, places=faulty.places, has_fields=has_fields), None
    if "_as" in controls:
        field = _json(shape, value) if controls["_as"] == "json" else filled(shape, value)
        return ArgumentForm(field=field, has_fields=has_fields), None
    return ArgumentForm(field=field, has_fields=has_fields), value if isinstance(value, dict) else {}


def _json(shape: Shape, value: object) -> Field:
    return Field(shape=shape, name="", pointer="", text=json_text(value), is_json=True)


def _new(shape: Shape, name: str, pointer: str) -> Field:
    return filled(shape, name=name, pointer=pointer)
