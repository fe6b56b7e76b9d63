"""The fields of one form: what stands in each, and what is wrong with it."""

import json
from dataclasses import dataclass

from workmill.dashboard.forms.shape import ABSENT, Empty, Kind, Shape

JSON_SUFFIX = "~json"
"""Of a control that holds the field's value as JSON; no JSON Pointer has a `~` before a letter."""
COUNT_SUFFIX = "~count"
CHOSEN_SUFFIX = "~is"
BLANK_SUFFIX = "~blank"
KEY_SUFFIX = "~key"
MOST_RADIOS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field, with those inside it.

    Attributes:
        name: What its control is called: where it stands in the form.
        pointer: Where its value stands, as a JSON Pointer, in the value of the whole form.
        text: What is typed.
        key: Of an entry of a mapping: its key.
        is_json: Whether the text is JSON, of a value that its shape has no control for.
        is_blank: Whether an empty text is a value.
        chosen: Which part of a union is.
        children: Of a union one for each part; else what is inside it.
        faults: What is wrong with it.
    """

    shape: Shape
    name: str
    pointer: str
    text: str = ""
    key: str = ""
    is_json: bool = False
    is_blank: bool = False
    chosen: int | None = None
    children: tuple["Field", ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What its control is called in the page."""
        return "arg" + "".join(each if each.isalnum() or each in "/~-_" else f".{ord(each):x}" for each in self.name)

    @property
    def control(self) -> str:
        """The name of the control that has its text."""
        return self.name + JSON_SUFFIX if self.is_json else self.name

    @property
    def has_blank(self) -> bool:
        """Whether it takes a word to say that an empty text is meant."""
        return self.shape.kind is Kind.TEXT and self.shape.control == "textarea" and self.shape.empty is not Empty.TEXT

    @property
    def has_radios(self) -> bool:
        """Whether a choice shows all that there is to choose from."""
        return len(self.shape.choices) <= MOST_RADIOS and self.shape.empty is not Empty.NULL

    @property
    def options(self) -> list[tuple[str, str, bool]]:
        """Return what a choice offers: what is sent, what is read, and whether it is chosen."""
        choices = [
            (json.dumps(each), each if isinstance(each, str) else json.dumps(each)) for each in self.shape.choices
        ]
        if self.shape.empty is Empty.NULL:
            choices.insert(0, ("", "nothing"))
        elif not self.shape.is_needed and self.shape.default is ABSENT:
            choices.insert(0, ("", "leave out"))
        elif not self.text and not self.has_radios:
            choices.insert(0, ("", "choose…"))
        return [(sent, told, sent == self.text) for sent, told in choices]
