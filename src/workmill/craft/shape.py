"""Named values of given types: the seam between a function's signature and the library that checks values."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from workmill.words.codec import Json
from workmill.words.errors import ArgumentError


class Mismatch(ValueError):
    """Values are not of their types; `errors` says where."""

    def __init__(self, errors: Sequence[ArgumentError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))


class Shape(Protocol):
    """Values by name, each of a type, as one JSON object."""

    @property
    def schema(self) -> dict[str, Json]:
        """The JSON Schema of the object."""

    def check(self, values: Mapping[str, object]) -> Mapping[str, Json]:
        """Return Python values turned into their types, where that loses nothing.

        Raises:
            Mismatch: They are not of their types.
        """

    def read(self, text: bytes) -> Mapping[str, Json]:
        """Return the values that a JSON object holds.

        Raises:
            Mismatch: They are not of their types.
        """

    def read_strictly(self, text: bytes) -> Mapping[str, Json]:
        """Do as `read`, by JSON's own types: `"1"` and `true` are no integers, a name stands once. `1.0` is an integer.

        Raises:
            Mismatch: They are not of their types, or it is not JSON.
        """

    def write(self, values: Mapping[str, object]) -> bytes:
        """Write checked values as JSON that `read` can read again.

        Raises:
            ValueError: They have no JSON form.
        """
