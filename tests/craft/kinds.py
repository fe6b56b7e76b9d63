"""Values of every type that a task may take or return, each with the JSON a client sends for it."""

import dataclasses
import enum
import ipaddress
import pathlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

from annotated_types import Ge, Len
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 on only

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass(frozen=True)
class Blob:
    name: str
    content: bytes


class Size(NamedTuple):
    width: int
    height: int


class Options(TypedDict):
    deep: bool
    tags: list[str]


class Image(BaseModel):
    path: str
    size: Size
    colour: Colour = Colour.RED
    taken_at: datetime | None = None


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=lambda name: name.title().replace("_", ""))
    first_name: str


class Renamed(BaseModel):
    inside: int = Field(validation_alias="in", serialization_alias="out")


class Box(BaseModel, Generic[T]):
    inner: T


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
SOME_ID = uuid.UUID("0190b6c8-6e2f-7cc0-8000-000000000001")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
CET = datetime.fromisoformat("2026-07-01T14:00:00.000123+02:00")

KINDS: list[tuple[Any, Any, str]] = [
    (int, 3, "3"),
    (int, 10**30, "1" + "0" * 30),
    (float, 0.1, "0.1"),
    (float, 2.0, "2"),
    (bool, True, "true"),
    (str, 'ü"\n\0\U0001f600', '"ü\\"\\n\\u0000😀"'),
    (None, None, "null"),
    (bytes, b"text", '"dGV4dA=="'),
    (bytes, b"\xff\xfb\x00", '"__sA"'),
    (bytes, b"\xff\xfb\x00", '"//sA"'),
    (int | None, None, "null"),
    (int | str, "x", '"x"'),
    (list[int], [1, 2], "[1, 2]"),
    (Sequence[int], [1, 2], "[1, 2]"),
    (set[int], {1, 2}, "[1, 2]"),
    (frozenset[str], frozenset({"a"}), '["a"]'),
    (tuple[int, str], (1, "a"), '[1, "a"]'),
    (tuple[int, ...], (1, 2, 3), "[1, 2, 3]"),
    (dict[str, list[float]], {"a": [0.5]}, '{"a": [0.5]}'),
    (dict[int, str], {1: "a"}, '{"1": "a"}'),
    (dict[bytes, bytes], {b"\xff": b"\xfe"}, '{"_w==": "_g=="}'),
    (Mapping[str, int], {"a": 1}, '{"a": 1}'),
    (datetime, NOON, '"2026-07-01T12:00:00Z"'),
    (datetime, CET, '"2026-07-01T14:00:00.000123+02:00"'),
    (datetime, datetime(2026, 7, 1, 12), '"2026-07-01T12:00:00"'),  # noqa: DTZ001 - naive ones have a form, too
    (AwareDatetime, NOON, '"2026-07-01T12:00:00Z"'),
    (date, date(2026, 7, 1), '"2026-07-01"'),
    (time, time(12, 30), '"12:30:00"'),
    (timedelta, timedelta(days=1, seconds=2), '"P1DT2S"'),
    (uuid.UUID, SOME_ID, f'"{SOME_ID}"'),
    (Decimal, Decimal("0.12345678901234567890"), '"0.12345678901234567890"'),
    (pathlib.Path, pathlib.Path("a/b"), '"a/b"'),
    (ipaddress.IPv4Address, ipaddress.IPv4Address("127.0.0.1"), '"127.0.0.1"'),
    (Literal["a", 1], "a", '"a"'),
    (Literal["a", 1], 1, "1"),
    (Colour, Colour.BLUE, '"blue"'),
    (Level, Level.HIGH, "2"),
    (Point, Point(1, 2), '{"x": 1, "y": 2}'),
    (Point, Point(1), '{"x": 1}'),
    (Blob, Blob("a", b"\xff"), '{"name": "a", "content": "_w=="}'),
    (list[Blob], [Blob("a", b"abcd")], '[{"name": "a", "content": "YWJjZA=="}]'),
    (Size, Size(1, 2), "[1, 2]"),
    (Options, {"deep": True, "tags": []}, '{"deep": true, "tags": []}'),
    (Image, Image(path="a", size=Size(1, 2)), '{"path": "a", "size": [1, 2]}'),
    (dict[str, list[Image]], {"a": [Image(path="a", size=Size(1, 2), taken_at=NOON)]}, ""),
    (Camel, Camel(FirstName="a"), '{"FirstName": "a"}'),
    (Renamed, Renamed(**{"in": 3}), '{"in": 3}'),
    (Box[int], Box[int](inner=3), '{"inner": 3}'),
    (Tree, Tree(value=1, children=[Tree(value=2)]), '{"value": 1, "children": [{"value": 2}]}'),
    (Pet, Dog(kind="dog", name="a"), '{"kind": "dog", "name": "a"}'),
    (Annotated[int, Ge(3)], 3, "3"),
    (Annotated[list[int], Len(1, 2)], [1], "[1]"),
    (Any, {"a": [1, None, "x"]}, '{"a": [1, null, "x"]}'),
]
"""Type, value, and a client's JSON of it (empty: none to try)."""

WRONG: list[tuple[Any, str]] = [
    (int, '"1"'),
    (int, "true"),
    (int, "1.5"),
    (int, "null"),
    (int, "1e400"),
    (float, '"1"'),
    (float, "false"),
    (float, "1e999"),
    (bool, "1"),
    (bool, '"true"'),
    (str, "1"),
    (str, "null"),
    (None, "0"),
    (bytes, '"*"'),
    (bytes, "[1]"),
    (int | None, '"1"'),
    (list[int], "{}"),
    (list[int], '[1, "2"]'),
    (tuple[int, str], '[1, "a", 2]'),
    (dict[str, int], '{"a": "1"}'),
    (datetime, '"yesterday"'),
    (AwareDatetime, '"2026-07-01T12:00:00"'),
    (uuid.UUID, '"x"'),
    (Decimal, '"x"'),
    (Literal["a"], '"b"'),
    (Colour, '"green"'),
    (Point, '{"x": "1"}'),
    (Point, "{}"),
    (Point, '{"x": 1, "z": 2}'),
    (Image, '{"path": "a", "size": [1]}'),
    (Pet, '{"kind": "cow"}'),
    (Annotated[int, Ge(3)], "2"),
    (Annotated[list[int], Len(1, 2)], "[]"),
]
"""Type, and JSON that is not of it."""
