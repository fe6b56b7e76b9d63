import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from cyclopts import CycloptsError
from pydantic import BaseModel, Field

from workmill import App, InvalidArguments
from workmill.cli.call_words import HelpShown, parse_task_words
from workmill.cli.flags import argument_flags


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Node(BaseModel):
    value: int
    next: "Node | None" = None


class Options(BaseModel):
    max_depth: int = Field(description="How deep.")
    is_exact: bool = False
    names: list[str] = []
    node: Node | None = None


@dataclass
class Point:
    x: float
    y: float = 0.0


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


def words_become(function: Callable[..., object], *words: str) -> dict[str, object]:
    """Parse words as `workmill call` does and let the task's own signature judge them, as stored."""
    task = App("memory://").task(function)
    arguments, _ = parse_task_words(task, words, has_json=False)
    stored: dict[str, object] = json.loads(task.job_from_json(json.dumps(arguments).encode()).args)
    return stored


@pytest.mark.parametrize(
    ("hint", "words", "value"),
    [
        (str, ["--value", "5"], "5"),
        (str, ["--value=-x"], "-x"),
        (str, ["-5"], "-5"),
        (int, ["--value", "-5"], -5),
        (int, ["5"], 5),
        (int, ["--value", "5.0"], 5),
        (int, ["--value", "123456789012345678901234567890"], 123456789012345678901234567890),
        (float, ["--value", "1e3"], 1000.0),
        (bool, ["--value"], True),
        (bool, ["--no-value"], False),
        (bool | None, ["--no-value"], False),
        (int | None, ["--value", "null"], None),
        (str | None, ["--value", "null"], "null"),
        (int | str, ["--value", "5"], 5),
        (int | str, ["--value", "x5"], "x5"),
        (Decimal, ["--value", "1.10"], "1.10"),
        (UUID, ["12345678-1234-5678-1234-567812345678"], "12345678-1234-5678-1234-567812345678"),
        (datetime, ["--value", "2030-01-01T00:00:00Z"], "2030-01-01T00:00:00Z"),
        (timedelta, ["--value", "PT5S"], "PT5S"),
        (bytes, ["--value", "aGk="], "aGk="),
        (Colour, ["--value", "blue"], "blue"),
        (Size, ["--value", "2"], 2),
        (Literal["a", "b"], ["b"], "b"),
        (Literal["a", 5], ["--value", "5"], 5),
        (Literal["a", True], ["--value", "true"], True),
        (Literal[5] | None, ["--value", "null"], None),
        (list[Any], ["--value", "1", "--value", "x"], [1, "x"]),
        (dict[str, Any], ["--value", '{"a": {"b": 1}}'], {"a": {"b": 1}}),
        (dict[str, Any], ["--value.a.b", "1", "--value.a.c", "x"], {"a": {"b": 1, "c": "x"}}),
        (dict[str, list[int]], ["--value.a", "[1, 2]", "--value.b", "[]"], {"a": [1, 2], "b": []}),
        (dict[str, str], ["--value", '{"a": "5"}'], {"a": "5"}),
        (list[int], ["--value", "1", "--value", "2"], [1, 2]),
        (list[int], ["--value", "[1, 2]"], [1, 2]),
        (list[int], ["--empty-value"], []),
        (list[str], ["--value", "1", "--value", "[2]"], ["1", "[2]"]),
        (set[int], ["--value", "1"], [1]),
        (tuple[int, str], ["--value", '[1, "x"]'], [1, "x"]),
        (list[Point], ["--value", '{"x": 1}', "--value", '[{"x": 2}]'], [{"x": 1.0, "y": 0.0}, {"x": 2.0, "y": 0.0}]),
        (Point, ["--value.x", "1", "--value.y", "2.5"], {"x": 1.0, "y": 2.5}),
        (Point, ["--value", '{"x": 1}'], {"x": 1.0, "y": 0.0}),
        (dict[str, int], ["--value.a", "1", "--value.b", "2"], {"a": 1, "b": 2}),
        (dict[str, Any], ["--value.a", "1", "--value.b", "text"], {"a": 1, "b": "text"}),
        (Any, ["--value", '{"a": [1]}'], {"a": [1]}),
        (Any, ["--value", "plain text"], "plain text"),
        (Pet, ["--value", '{"kind": "dog", "name": "Rex"}'], {"kind": "dog", "name": "Rex"}),
        (Pet, ["--value.kind", "cat", "--value.lives", "9"], {"kind": "cat", "lives": 9}),
        (Node, ["--value.value", "1", "--value.next.value", "2"], {"value": 1, "next": {"value": 2, "next": None}}),
    ],
    ids=str,
)
def test_words_become_what_the_type_hint_asks_for(hint: Any, words: list[str], value: object) -> None:
    def task(value: Any) -> None: ...

    task.__annotations__["value"] = hint

    assert words_become(task, *words) == {"value": value}


def test_required_arguments_may_be_given_by_place_and_what_is_left_out_keeps_its_default() -> None:
    def task(path: str, count: int, width: int = 800) -> None: ...

    assert words_become(task, "a.png", "3") == {"path": "a.png", "count": 3}


def test_an_optional_argument_is_given_by_its_flag_only() -> None:
    def task(path: str, width: int = 800) -> None: ...

    with pytest.raises(CycloptsError, match="400"):
        words_become(task, "a.png", "400")


@pytest.mark.parametrize("words", [["--value", "nonsense"], ["--value", "[1]"], ["--value.x", "one"], []])
def test_words_that_make_no_model_are_refused_by_the_signature(words: list[str]) -> None:
    def task(value: Point) -> None: ...

    with pytest.raises((InvalidArguments, CycloptsError), match="value"):
        words_become(task, *words)


def test_nested_models_have_flags_with_dots() -> None:
    def task(options: Options) -> None: ...

    words = ["--options.max-depth", "5", "--options.is-exact", "--options.names", "a", "--options.node.value", "1"]

    assert words_become(task, *words) == {
        "options": {"max_depth": 5, "is_exact": True, "names": ["a"], "node": {"value": 1, "next": None}}
    }


def test_an_optional_model_that_no_flag_names_is_left_out() -> None:
    def task(options: Options | None = None) -> None: ...

    assert words_become(task) == {}


def test_a_schema_that_a_type_wrote_by_hand_makes_flags_too() -> None:
    schema: dict[str, object] = {
        "properties": {
            "many": {"type": ["integer", "null"]},
            "fixed": {"enum": [{"a": 1}, 1.5]},
            "open": True,
        }
    }

    assert [flag.name for flag in argument_flags(schema)] == ["many", "fixed", "open"]


def test_flags_accept_the_parameter_as_it_is_written_in_python() -> None:
    def task(max_depth: int = 1) -> None: ...

    assert words_become(task, "--max_depth", "2") == {"max_depth": 2}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--colour", "green"], 'Invalid value "green" for --colour. Choose from: "red", "blue".'),
        (["--colur", "red"], "Did you mean --colour?"),
        ([], "--colour"),
        (["--colour", "red", "--colour", "blue"], "multiple times"),
    ],
)
def test_words_that_fit_no_flag_are_refused_with_a_remedy(words: list[str], message: str) -> None:
    def task(colour: Colour) -> None: ...

    with pytest.raises(CycloptsError) as refused:
        words_become(task, *words)

    assert message in str(refused.value)


def test_help_shows_types_defaults_choices_and_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    def task(path: str, colour: Colour = Colour.RED, options: Options | None = None, width: int = 800) -> None:
        """Paint a file.

        Args:
            path: Which file.
        """

    with pytest.raises(HelpShown):
        words_become(task, "--help")

    lines = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Paint a file." in lines
    assert "PATH --path Which file. [required]" in lines
    assert "--colour CHOICE [choices: red, blue] [default: red]" in lines
    assert "--options.max-depth INT How deep. [required]" in lines
    assert "--width INT [default: 800]" in lines
