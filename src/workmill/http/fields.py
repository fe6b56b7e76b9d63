"""The members of a JSON body: each said once, for the code that reads it and for the OpenAPI document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from workmill.http.problem import VALIDATION_FAILED, Document, Problem
from workmill.http.query import Parameter

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Generic[T_co]):
    """One member of an object. `read` raises `ValueError` with the remedy as its message."""

    name: str
    description: str
    schema: Document
    read: Callable[[object], T_co]
    is_required: bool = False

    def document(self) -> Document:
        """Return its schema, with what it is for."""
        return {**self.schema, "description": self.description}


class Fields:
    """The members of one object, of which every one is known.

    Args:
        body: The object.
        known: What may be in it.
        at: Where it is in the body, as a JSON Pointer.

    Raises:
        Problem: There is one that is not known or that cannot be read, or one that must be there is not; says each.
    """

    def __init__(self, body: Document, known: Sequence[Field[object]], *, at: str = "#") -> None:
        self._values: dict[str, object] = {}
        names = {field.name: field for field in known}
        wrong = [
            _place(at, name, f"known here: {', '.join(names) or 'nothing'}", "extra_forbidden")
            for name in body
            if name not in names
        ]
        for name, field in names.items():
            if name not in body:
                if field.is_required:
                    wrong.append(_place(at, name, "it must be there", "missing"))
                continue
            try:
                self._values[name] = field.read(body[name])
            except ValueError as error:
                wrong.append(_place(at, name, str(error), "value_error"))
        refuse_places(wrong)

    def one(self, field: Field[T]) -> T | None:
        """Return the value of a member, or None where it is not there."""
        value: T | None = self._values.get(field.name)  # type: ignore[assignment] # read by this very field
        return value


def refuse_places(wrong: Sequence[Document]) -> None:
    """Refuse a body in which something is wrong.

    Raises:
        Problem: Something is.
    """
    if wrong:
        said = "; ".join(f"{each['pointer']}: {each['detail']}" for each in wrong)
        raise Problem(VALIDATION_FAILED, f"the body does not match: {said}", errors=wrong)


def object_schema(fields: Sequence[Field[object]]) -> Document:
    """Return the schema of an object with these members."""
    required = [field.name for field in fields if field.is_required]
    return {
        "type": "object",
        "properties": {field.name: field.document() for field in fields},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def from_parameter(parameter: Parameter[T]) -> Field[T]:
    """Return the member that says in a body what a parameter says in a query, where that is a text."""

    def read(value: object) -> T:
        return parameter.read(_text(value))

    return Field(name=parameter.name, description=parameter.description, schema=parameter.schema, read=read)


def list_of(parameter: Parameter[T], name: str) -> Field[tuple[T, ...]]:
    """Return the member that is a list of what a parameter says in a query, where that is a text."""

    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError("give a list")  # noqa: TRY004 - what a reader of fields raises
        return tuple(parameter.read(_text(each)) for each in value)

    schema: Document = {"type": "array", "items": parameter.schema}
    return Field(name=name, description=parameter.description.partition(";")[0], schema=schema, read=read)


def text(name: str, description: str, *, most: int) -> Field[str]:
    """Return a member that is a text."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= most or not is_storable(value):
            raise ValueError(f"give a text of 1 to {most} characters")
        return value

    # No NUL: not every store can hold one.
    schema: Document = {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"^[^\u0000]*$"}
    return Field(name=name, description=description, schema=schema, read=read)


def flag(name: str, description: str) -> Field[bool]:
    """Return a member that is true or false."""

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError("give true or false")  # noqa: TRY004 - what a reader of fields raises
        return value

    return Field(name=name, description=description, schema={"type": "boolean"}, read=read)


def whole(name: str, description: str, *, least: int, most: int | None = None, is_required: bool = False) -> Field[int]:
    """Return a member that is a whole number; `1.0` is one."""
    said = f"{least} or more" if most is None else f"from {least} to {most}"
    highest = 2**53 if most is None else most

    def read(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= highest:
            raise ValueError(f"give a whole number, {said}")
        return value

    schema: Document = {"type": "integer", "minimum": least, "maximum": highest}
    return Field(name=name, description=description, schema=schema, read=read, is_required=is_required)


def seconds(name: str, description: str, *, most: float, above_zero: bool = False) -> Field[float]:
    """Return a member that is a number of seconds."""

    def read(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        number = float(value) if is_number and abs(value) <= most else -1.0  # type: ignore[arg-type] # it is a number
        if number < 0 or (above_zero and number == 0):
            raise ValueError(f"give a number of seconds, {'above 0' if above_zero else '0 or more'}, up to {most:g}")
        return number

    least: Document = {"exclusiveMinimum": 0} if above_zero else {"minimum": 0}
    return Field(name=name, description=description, schema={"type": "number", **least, "maximum": most}, read=read)


def nested(name: str, description: str, read: Callable[[object], T], schema: Document) -> Field[T]:
    """Return a member that is an object of its own."""
    return Field(name=name, description=description, schema=schema, read=read)


def is_storable(text: str) -> bool:
    """Whether it can be written as UTF-8 and stored anywhere: no lone surrogate, no NUL."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("give a text")  # noqa: TRY004 - what a reader of fields raises
    return value


def _place(at: str, name: str, detail: str, slug: str) -> Document:
    return {"pointer": f"{at}/{name.replace('~', '~0').replace('/', '~1')}", "detail": detail, "type": slug}
