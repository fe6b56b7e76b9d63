"""What a form can ask for."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Absent:
    """Stands where there is no value, not even null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class Kind(StrEnum):
    """The sorts of fields."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    """True or false, and nothing else."""
    CHOICE = "choice"
    CONSTANT = "constant"
    """The one value that it can have: nothing is asked."""
    RECORD = "record"
    """Members by name, each of its own shape."""
    POSITIONS = "positions"
    """So many values, each of its own shape."""
    LIST = "list"
    MAPPING = "mapping"
    """Any keys, all values of one shape."""
    UNION = "union"
    """One of several shapes, by choice."""
    NOTHING = "nothing"
    """Null, or no value: a choice in a union."""
    JSON = "json"
    """Anything: a text of JSON."""


class Empty(StrEnum):
    """What it means that a field is left empty."""

    TEXT = "text"
    """The text without characters."""
    OMITTED = "omitted"
    """No value: the default is taken, or where there is none, the value is missing."""
    NULL = "null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One thing that a form asks for.

    Attributes:
        label: What it is called.
        doc: What the schema says about it.
        hint: How a text is written.
        control: The sort of input for a text: `textarea`, or a type of `<input>`.
        default: What it is prefilled with.
        is_needed: Whether there is no value without it.
        is_whole: Whether a number has no fraction.
        least: The smallest number, where there is one.
        most: The largest.
        choices: JSON values; of a constant the one.
        members: Of a record, by name.
        parts: Of positions, in order; of a union, the shapes to choose from.
        item: Of a list or a mapping.
        words: What an error of a union's branch may call it.
    """

    kind: Kind
    label: str = ""
    doc: str = ""
    hint: str = ""
    control: str = "text"
    default: object = ABSENT
    empty: Empty = Empty.OMITTED
    is_needed: bool = True
    is_whole: bool = False
    least: str = ""
    most: str = ""
    choices: tuple[object, ...] = ()
    members: dict[str, "Shape"] = field(default_factory=dict)
    parts: tuple["Shape", ...] = ()
    item: "Shape | None" = None
    words: frozenset[str] = frozenset()

    @property
    def is_compound(self) -> bool:
        """Whether it is more than one control."""
        return self.kind in {Kind.RECORD, Kind.POSITIONS, Kind.LIST, Kind.MAPPING, Kind.UNION}


def as_text(name: str) -> str:
    """Return a name as a segment of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
