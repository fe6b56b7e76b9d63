"""Forms made of type hints: what they show, what comes back, and where errors stand."""

import json
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, Field, TypeAdapter

from tests.dashboard.browser_form import controls
from workmill import AnyTask, App, InvalidArguments
from workmill.dashboard.forms.faults import Faulty, noted, placed
from workmill.dashboard.forms.field import Field as FormField
from workmill.dashboard.forms.filling import filled
from workmill.dashboard.forms.schema import shape_of
from workmill.dashboard.forms.sending import sent, with_more, without
from workmill.dashboard.forms.shape import ABSENT, Kind
from workmill.dashboard.forms.valuing import value_of
from workmill.dashboard.rendering import environment


class Colour(Enum):
    RED = "red"
    TWO = 2


class Place(BaseModel):
    x: int
    y: int = 0
    note: str | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    age: int


class Tree(BaseModel):
    value: int
    kids: list["Tree"] = []


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
Anything = Annotated[Any, JSON]
"""Any value, and for hypothesis what such values are."""

LEAVES = st.sampled_from(
    [
        str,
        int,
        float,
        bool,
        date,
        datetime,
        time,
        timedelta,
        uuid.UUID,
        Decimal,
        bytes,
        Path,
        AnyUrl,
        Colour,
        Literal["left", "right"],
        Literal["a", 1] | None,
        Literal["only"],
        Literal[1, 2, 3, 4, 5, 6],
        Place,
        Pet,
        Tree,
        Anything,
        dict,
    ]
)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        inner.map(lambda hint: list[hint]),
        inner.map(lambda hint: dict[str, hint]),
        inner.map(lambda hint: hint | None),
        st.tuples(inner, inner).map(lambda pair: tuple[pair]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
    )


st.register_type_strategy(Path, st.text("ab/. ").map(Path))
st.register_type_strategy(AnyUrl, st.sampled_from(["https://example.com/", "file:///a"]).map(AnyUrl))

HINTS = st.recursive(LEAVES, _deeper, max_leaves=4)


def task_of(hint: Any, default: Any = ...) -> AnyTask:
    def call(value): ...  # noqa: ANN001, ANN202 - its hint is given below

    call.__annotations__ = {"value": hint}
    if default is not ...:
        call.__defaults__ = (default,)
    return App("memory://").task(call)


def html_of(field: FormField) -> str:
    template = environment().from_string('{% import "_form.html" as form %}{{ form.inside(field, "record") }}')
    return template.render(field=field)


def brought_back(field: FormField) -> FormField:
    """Return the form after a browser has shown and sent it, with nothing changed."""
    return sent(field.shape, controls(html_of(field)))


def dumped(task: AnyTask, arguments: object) -> bytes | None:
    try:
        return task.job_from_json(json.dumps(arguments).encode()).args
    except InvalidArguments:
        return None


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(hint=HINTS, data=st.data())
def test_a_value_comes_back_from_its_form_as_it_was(hint: Any, data: st.DataObject) -> None:
    task = task_of(hint)
    value = data.draw(_values(hint))
    before = dumped(task, {"value": value})

    found, faults = value_of(brought_back(filled(shape_of(task.schema), {"value": value})))

    assert faults == []
    assert dumped(task, found) == before


def _values(hint: Any) -> st.SearchStrategy[Any]:
    """Return JSON values of a type, and now and then others."""
    adapter = TypeAdapter(hint)

    def written(value: object) -> Any:
        try:
            return json.loads(adapter.dump_json(value, warnings=False))
        except ValueError:
            return None

    return st.from_type(hint).map(written) | JSON


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(hint=HINTS)
def test_an_untouched_form_of_an_optional_argument_is_a_call_without_it(hint: Any) -> None:
    task = task_of(hint, default=None)

    found, faults = value_of(brought_back(filled(shape_of(task.schema))))

    assert faults == []
    assert dumped(task, found) in {b"{}", b'{"value":null}'}


SUFFIXES = st.sampled_from(["", "~json", "~count", "~is", "~blank", "~key", "/0", "/1/x", "~1"])


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(hint=HINTS, data=st.data())
def test_whatever_is_sent_is_read_and_shown_again(hint: Any, data: st.DataObject) -> None:
    shape = shape_of(task_of(hint).schema)
    names = st.sampled_from(["/value", *controls(html_of(filled(shape)))])
    garbled = st.tuples(names, SUFFIXES).map("".join)
    typed = data.draw(st.dictionaries(names | garbled, st.sampled_from(["", "1", "on", "[1]", "{"]) | st.text()))

    if data.draw(st.booleans()):
        typed = without(typed, data.draw(garbled))
    form = with_more(sent(shape, typed), data.draw(garbled), _made)
    value, faults = value_of(form)

    again = noted(form, faults)
    assert len(again.places) == len(set(faults))
    assert "<fieldset" in html_of(again.field) or "<div" in html_of(again.field)
    assert value is ABSENT or isinstance(value, dict) or form.is_json


@pytest.mark.parametrize(
    ("hint", "kind", "control"),
    [
        (str, Kind.TEXT, "textarea"),
        (int, Kind.NUMBER, "text"),
        (float, Kind.NUMBER, "text"),
        (bool, Kind.FLAG, "text"),
        (Colour, Kind.CHOICE, "text"),
        (Literal["a", "b"], Kind.CHOICE, "text"),
        (date, Kind.TEXT, "date"),
        (datetime, Kind.TEXT, "text"),
        (Decimal, Kind.UNION, "text"),
        (int | None, Kind.NUMBER, "text"),
        (bool | None, Kind.CHOICE, "text"),
        (list[int], Kind.LIST, "text"),
        (tuple[int, str], Kind.POSITIONS, "text"),
        (dict[str, int], Kind.MAPPING, "text"),
        (Place, Kind.RECORD, "text"),
        (Place | None, Kind.UNION, "text"),
        (Pet, Kind.UNION, "text"),
        (Any, Kind.JSON, "text"),
        (dict[str, Any], Kind.JSON, "text"),
        (list[Any], Kind.JSON, "text"),
    ],
)
def test_each_type_has_its_field(hint: Any, kind: Kind, control: str) -> None:
    shape = shape_of(task_of(hint).schema).members["value"]

    assert (shape.kind, shape.control) == (kind, control)


def test_what_contains_itself_is_asked_for_as_json_where_it_begins_again() -> None:
    shape = shape_of(task_of(Tree).schema).members["value"]

    kids = shape.members["kids"]
    assert (shape.kind, kids.kind, kids.item is not None and kids.item.kind) == (Kind.RECORD, Kind.LIST, Kind.JSON)


def test_defaults_and_examples_are_prefilled() -> None:
    def call(a: Annotated[int, Field(examples=[7], ge=1, le=9, description="How many.")], b: str = "x") -> None: ...

    html = html_of(filled(shape_of(App("memory://").task(call).schema)))

    assert controls(html) == {"/a": "7", "/b": "x"}
    assert ("How many." in html, 'placeholder="1 to 9"' in html) == (True, True)


def test_an_empty_text_and_no_text_are_told_apart() -> None:
    shape = shape_of(task_of(str | None).schema)

    assert value_of(sent(shape, {"/value": ""})) == ({"value": None}, [])
    assert value_of(sent(shape, {"/value": "", "/value~blank": "on"})) == ({"value": ""}, [])
    assert value_of(sent(shape_of(task_of(str).schema), {"/value": ""})) == ({"value": ""}, [])


@pytest.mark.parametrize(
    ("hint", "typed", "said"),
    [
        (int, "1.5", "give a whole number"),
        (int, "one", "give a whole number"),
        (float, "1,5", "give a number, such as 1.5"),
        (float, "1e999", "give a number, such as 1.5"),
        (Any, "{", "this is not JSON: "),
        (Any, "NaN", "this is not JSON: NaN is no JSON number"),
        (Any, "[" * 100_000, ""),
    ],
)
def test_what_cannot_be_read_is_said_at_its_field(hint: Any, typed: str, said: str) -> None:
    form = sent(shape_of(task_of(hint).schema), {"/value": typed})

    _, faults = value_of(form)

    assert [fault.name for fault in faults] == ["/value"]
    assert faults[0].detail.startswith(said)
    assert noted(form, faults).field.children[0].faults == (faults[0].detail,)


def test_entries_are_added_and_removed() -> None:
    shape = shape_of(task_of(dict[str, list[int]]).schema)
    form = filled(shape, {"value": {"a": [1, 2], "b": [3]}})

    more = with_more(form, "/value/0", _made)
    typed = {**controls(html_of(more)), "/value/0/2": "9"}
    assert value_of(sent(shape, typed))[0] == {"value": {"a": [1, 2, 9], "b": [3]}}
    assert value_of(sent(shape, without(typed, "/value/0/1")))[0] == {"value": {"a": [1, 9], "b": [3]}}
    assert value_of(sent(shape, without(typed, "/value/0")))[0] == {"value": {"b": [3]}}


def _made(shape: Any, name: str, pointer: str) -> FormField:
    return filled(shape, name=name, pointer=pointer)


def test_a_key_that_is_given_twice_and_an_entry_without_a_value_are_faults() -> None:
    shape = shape_of(task_of(dict[str, int]).schema)
    typed = {"/value~count": "2", "/value/0~key": "a", "/value/0": "1", "/value/1~key": "a", "/value/1": ""}

    _, faults = value_of(sent(shape, typed))

    assert {(fault.name, fault.detail) for fault in faults} == {
        ("/value/1", "give a value, or remove it"),
        ("/value/1", "this key is given twice"),
    }


@pytest.mark.parametrize(
    ("hint", "value", "name"),
    [
        (Place, {"y": 1}, "/value/x"),
        (dict[str, Place], {"a/b": {"x": "1"}}, "/value/0/x~json"),
        (dict[str, Annotated[int, Field(le=3)]], {"a/b": 1, "~": 5}, "/value/1"),
        (list[Annotated[int, Field(le=3)]], [1, 9], "/value/1"),
        (Place | Dog, {"kind": "dog"}, "/value~1/age"),
        (Pet, {"kind": "dog"}, "/value~1/age"),
        (Place | None, {"x": None}, "/value~json"),
        (Annotated[int, Field(le=3)] | Literal["no"], 4, "/value~0"),
        (uuid.UUID, "no", "/value"),
    ],
)
def test_an_error_stands_at_the_field_it_is_about(hint: Any, value: object, name: str) -> None:
    task = task_of(hint)
    form = filled(shape_of(task.schema), {"value": value})
    if hint in (Place | Dog, Pet):
        form = sent(form.shape, {"/value~is": "1"})
    with pytest.raises(InvalidArguments) as raised:
        task.job_from_json(json.dumps(value_of(form)[0]).encode())

    faulty = placed(form, raised.value.errors)

    assert [field.control for field, _ in faulty.places] == [name]
    assert faulty.places[0][1] in html_of(faulty.field).replace("&#39;", "'")


def test_nothing_typed_is_anything_but_text_in_the_page() -> None:
    hostile = '"><script>alert(1)</script>'
    shape = shape_of(task_of(dict[str, str]).schema)
    form = filled(shape, {"value": {hostile: hostile}})

    html = html_of(form)

    assert "<script" not in html
    assert value_of(sent(shape, controls(html)))[0] == {"value": {hostile: hostile}}


def test_what_nobody_sent_is_absent() -> None:
    form = sent(shape_of(task_of(int).schema), {"/other": "1"})

    assert value_of(form.children[0])[0] is ABSENT
    assert isinstance(noted(form, []), Faulty)
