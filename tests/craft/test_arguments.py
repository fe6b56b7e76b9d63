"""Arguments: from a caller's values, or from a client's JSON, to what the task is called with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator

from tests.craft.kinds import KINDS, WRONG, Camel, Point, Renamed
from workmill import App, InvalidArguments, TaskError
from workmill.craft.signature import Signature


def taking(hint: Any) -> Signature:
    """Return the signature of a task with one parameter of a type."""

    def task(value):  # noqa: ANN001, ANN202 - annotated below
        return value

    task.__annotations__ = {"value": hint, "return": hint}
    return Signature("take", task)


def refused(call: Callable[[], object]) -> list[tuple[str, str]]:
    """Return where and of what kind the errors of a call are."""
    with pytest.raises(InvalidArguments) as raised:
        call()
    return [(error.pointer, error.type) for error in raised.value.errors]


@pytest.mark.parametrize(("hint", "value", "_"), KINDS)
def test_every_type_comes_back_as_it_was_given(hint: Any, value: Any, _: str) -> None:
    signature = taking(hint)

    stored = signature.dump_call((value,), {})

    loaded = signature.load_call(stored)["value"]
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(("hint", "value", "sent"), [kind for kind in KINDS if kind[2]])
def test_every_type_is_read_from_a_clients_json(hint: Any, value: Any, sent: str) -> None:
    signature = taking(hint)

    stored = signature.dump_json_call(b'{"value": %s}' % sent.encode())

    assert signature.load_call(stored)["value"] == value


@pytest.mark.parametrize(("hint", "sent"), WRONG)
def test_json_of_another_type_is_refused_where_it_is_wrong(hint: Any, sent: str) -> None:
    errors = refused(lambda: taking(hint).dump_json_call(b'{"value": %s}' % sent.encode()))

    assert errors
    assert all(pointer.startswith("#/value") for pointer, _ in errors)


@pytest.mark.parametrize(
    ("sent", "stored"), [("1.0", b"1"), ("-0.0", b"0"), ("1e2", b"100"), ("1E20", b"1" + b"0" * 20)]
)
def test_an_integer_may_be_written_with_a_fraction_of_nothing(sent: str, stored: bytes) -> None:
    assert taking(int).dump_json_call(b'{"value": %s}' % sent.encode()) == b'{"value":%s}' % stored


def test_integers_with_a_fraction_of_nothing_are_found_at_any_depth() -> None:
    signature = taking(dict[str, list[Point]])

    stored = signature.dump_json_call(b'{"value": {"a": [{"x": 1.0}, {"x": 2, "y": 3.0}]}}')

    assert signature.load_call(stored)["value"] == {"a": [Point(1), Point(2, 3)]}


def test_one_wrong_integer_is_named_beside_others_with_a_fraction_of_nothing() -> None:
    assert refused(lambda: taking(list[int]).dump_json_call(b'{"value": [1.0, 1.5]}')) == [("#/value/1", "int_type")]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"nothing",
        b"{",
        b'{"value": 1}}',
        b"\xff",
        b'{"value": NaN}',
        b'{"value": -Infinity}',
        b'{"value": 1, "value": 1}',
        b'{"value": {"a": 1, "a": 2}}',
        b'{"value": "\\ud800"}',
        b'{"value": "\xed\xa0\x80"}',
        b'{"value": %s}' % (b"9" * 5000),
        b'{"value": %s}' % (b"[" * 100_000),
        b'{"value": %s%s}' % (b"[" * 300, b"]" * 300),
        b'\xef\xbb\xbf{"value": 1}',
        '{"value": 1}'.encode("utf-16"),
    ],
)
def test_what_is_no_json_text_is_refused_as_a_whole(sent: bytes) -> None:
    assert [pointer for pointer, _ in refused(lambda: taking(Any).dump_json_call(sent))] == ["#"]


@pytest.mark.parametrize("sent", [b"[]", b"null", b"3", b'"value"'])
def test_arguments_are_one_object(sent: bytes) -> None:
    assert refused(lambda: taking(Any).dump_json_call(sent)) == [("#", "dict_type")]


def test_a_number_beyond_all_floats_is_refused() -> None:
    assert refused(lambda: taking(Any).dump_json_call(b'{"value": 1e999}')) == [("#", "not_json")]


def test_a_secondary_reading_refuses_a_number_beyond_all_floats_too() -> None:
    def task(count: int, rest: Any) -> None: ...

    assert refused(lambda: Signature("t", task).dump_json_call(b'{"count": 1.0, "rest": 1e999}')) == [("#", "not_json")]


def test_missing_unknown_and_wrong_arguments_are_all_named_at_once() -> None:
    def task(a: int, b: str, c: float = 0.0) -> None: ...

    expected = [("#/a", "missing"), ("#/b", "string_type"), ("#/d~1~0", "extra_forbidden")]

    assert refused(lambda: Signature("t", task).dump_json_call(b'{"b": 1, "d/~": 2}')) == expected
    assert refused(lambda: Signature("t", task).dump_call((), {"b": 1, "d/~": 2})) == expected


def test_the_message_names_the_task_the_place_and_the_remedy(app: App) -> None:
    @app.task
    def resize(path: str, width: int) -> None: ...

    with pytest.raises(InvalidArguments, match=r"task 'resize': #/width: Input should be a valid integer"):
        resize.job_from_json(b'{"path": "a.png", "width": "wide"}')


def test_what_was_given_is_told_beside_the_message_and_cut_short() -> None:
    def task(a: int, b: str, c: int, d: int) -> None: ...

    with pytest.raises(InvalidArguments) as caught:
        Signature("t", task).dump_json_call(b'{"a": "%s", "b": 2, "c": null}' % (b"x" * 1000))

    assert [error.given for error in caught.value.errors] == [f"'{'x' * 12}...{'x' * 13}'", "2", "null", ""]
    assert "xxx" not in str(caught.value)


def test_only_the_first_hundred_errors_are_told() -> None:
    errors = refused(lambda: taking(list[int]).dump_json_call(b'{"value": [%s]}' % b",".join([b'"x"'] * 1000)))

    assert len(errors) == 100


def test_arguments_by_position_and_by_name_are_stored_alike() -> None:
    def task(a: int, b: int, *, c: int = 3) -> None: ...

    signature = Signature("t", task)

    assert (
        signature.dump_call((1, 2), {})
        == signature.dump_call((1,), {"b": 2})
        == signature.dump_call((), {"b": 2, "a": 1})
    )


@pytest.mark.parametrize(
    ("args", "kwargs", "errors"),
    [
        ((1, 2, 3), {}, [("#", "call")]),
        ((1,), {"a": 2, "b": 3}, [("#/a", "call")]),
        ((1,), {}, [("#/b", "missing")]),
        ((1,), {"b": 2, "z": 3}, [("#/z", "extra_forbidden")]),
        (("x", 2), {}, [("#/a", "int_parsing")]),
    ],
)
def test_a_call_that_python_would_refuse_is_refused(args: Any, kwargs: Any, errors: Any) -> None:
    def task(a: int, b: int, *, c: int = 3) -> None: ...

    assert refused(lambda: Signature("t", task).dump_call(args, kwargs)) == errors


def test_what_is_left_out_is_not_stored_so_that_a_later_default_counts() -> None:
    def task(a: int, b: int = 2) -> None: ...

    assert Signature("t", task).dump_call((1,), {}) == b'{"a":1}'


def test_python_values_are_turned_into_their_types_where_nothing_is_lost() -> None:
    assert taking(int).dump_call(("3",), {}) == b'{"value":3}'
    assert taking(datetime).dump_call(("2026-07-01T12:00:00Z",), {}) == b'{"value":"2026-07-01T12:00:00Z"}'
    assert taking(Point).dump_call(({"x": 1},), {}) == b'{"value":{"x":1,"y":0}}'
    assert refused(lambda: taking(int).dump_call((1.5,), {})) == [("#/value", "int_from_float")]


@pytest.mark.parametrize(
    "value",
    [object(), math.nan, math.inf, {"a": -math.inf}, "\ud800", {"\ud800": 1}, 10**5000, lambda: 1, Ellipsis],
    ids=lambda value: type(value).__name__,  # pytest cannot write a number of 5,000 digits either
)
def test_a_value_without_a_json_form_is_refused(value: object) -> None:
    assert refused(lambda: taking(Any).dump_call((value,), {})) == [("#", "not_json")]


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("x", "'x'"),
        (None, "null"),
        ("x" * 1000, f"'{'x' * 12}...{'x' * 13}'"),
        (10**5000, "a number of too many digits to show"),
        ([10**5000], "a number of too many digits to show"),
    ],
    ids=["text", "null", "long", "huge", "within"],
)
def test_what_was_given_is_told_in_short_and_in_no_message(value: object, given: str) -> None:
    with pytest.raises(InvalidArguments) as raised:
        taking(timedelta).dump_call((value,), {})

    assert [error.given for error in raised.value.errors] == [given]
    assert "x" * 10 not in str(raised.value)


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)

    assert refused(lambda: taking(Any).dump_call((loop,), {})) == [("#", "not_json")]


@pytest.mark.parametrize("depth", [*range(195, 205), 250, 1000, 10_000])
def test_what_is_nested_too_deeply_to_be_read_is_not_written(depth: int) -> None:
    signature, value = taking(Any), list[Any]()
    for _ in range(depth):
        value = [value]

    try:
        stored = signature.dump_call((value,), {})
    except InvalidArguments:
        assert depth > 195
    else:
        assert signature.load_call(stored) == {"value": value}
        assert depth < 250


def test_nan_is_refused_even_where_a_model_would_write_null() -> None:
    for hint, value in ((Measured, Measured(value=math.nan)), (Wrapped, Wrapped(Measured(value=math.inf)))):
        assert refused(lambda: taking(hint).dump_call((value,), {})) == [("#", "not_json")]  # noqa: B023 - called here
    assert taking(Measured).dump_call((Measured(value=None),), {}) == b'{"value":{"value":null}}'


def test_bytes_that_are_no_text_need_a_model_that_says_base64() -> None:
    class Plain(BaseModel):
        content: bytes

    class Ready(BaseModel, val_json_bytes="base64", ser_json_bytes="base64"):
        content: bytes

    assert refused(lambda: taking(Plain).dump_call((Plain(content=b"\xff"),), {})) == [("#", "not_json")]
    assert taking(Ready).load_call(b'{"value":{"content":"_w=="}}') == {"value": Ready(content=b"\xff")}


def test_aliases_of_a_model_are_understood_beside_its_names() -> None:
    for sent in (b'{"value": {"FirstName": "a"}}', b'{"value": {"first_name": "a"}}'):
        signature = taking(Camel)
        assert signature.load_call(signature.dump_json_call(sent)) == {"value": Camel(FirstName="a")}
    renamed = taking(Renamed)
    assert renamed.load_call(renamed.dump_call((Renamed(**{"in": 3}),), {})) == {"value": Renamed(**{"in": 3})}


def test_an_error_of_a_types_own_validator_is_told() -> None:
    class Even(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def check(cls, number: int) -> int:
            if number % 2:
                raise ValueError("must be even")
            return number

    assert refused(lambda: taking(Even).dump_json_call(b'{"value": {"number": 3}}')) == [
        ("#/value/number", "value_error")
    ]


def test_stored_arguments_of_an_older_signature_are_refused_where_they_do_not_fit() -> None:
    assert refused(lambda: taking(int).load_call(b'{"value":"x"}')) == [("#/value", "int_parsing")]
    assert refused(lambda: taking(int).load_call(b'{"worth":3}')) == [
        ("#/value", "missing"),
        ("#/worth", "extra_forbidden"),
    ]


def test_hints_that_are_strings_are_resolved_at_first_use() -> None:
    def task(later: Later, point: Point) -> list[Later]: ...

    signature = Signature("t", task)

    assert signature.dump_call((), {"later": {"x": 1}, "point": {"x": 1}})
    assert signature.result_schema["type"] == "array"


class Later(BaseModel):
    x: int


class Measured(BaseModel):
    value: float | None


@dataclasses.dataclass
class Wrapped:
    inner: Measured


def test_a_hint_that_names_nothing_is_an_error_of_the_task_at_first_use() -> None:
    def task(value: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821 - that is the point

    signature = Signature("t", task)

    with pytest.raises(TaskError, match=r"task 't': a type hint cannot be read: NameError: name 'Nowhere'"):
        signature.dump_call((), {"value": 1})


@pytest.mark.parametrize("hint", [object(), type("Mine", (), {}), Callable[[], int], SecretStr, list[SecretStr]])
def test_a_type_without_a_json_form_is_an_error_of_the_task(hint: Any) -> None:
    with pytest.raises(TaskError, match=r"task 'take'"):
        taking(hint).dump_call(("x",), {})


def test_a_secret_in_a_model_is_an_error_of_the_task() -> None:
    class Login(BaseModel):
        password: SecretStr

    with pytest.raises(TaskError, match="take the name of the secret"):
        taking(Login).dump_call((), {"value": {"password": "x"}})


def test_open_ended_and_positional_only_parameters_are_refused_at_decoration(app: App) -> None:
    def many(*values: int) -> None: ...
    def named(**values: int) -> None: ...
    def placed(value: int, /) -> None: ...

    for function, remedy in ((many, "take a list"), (named, "take a list or a dict"), (placed, "remove the `/`")):
        with pytest.raises(TaskError, match=remedy):
            app.task(function)


def test_a_pydantic_field_as_a_default_is_refused_at_decoration(app: App) -> None:
    with pytest.raises(TaskError, match=r"write `width: Annotated\["):

        @app.task
        def resize(width: int = Field(5, gt=0)) -> None: ...


def test_parameters_may_bear_any_name() -> None:
    def task(_hidden: int, model_config: int, value: int, self: int, schema: int, cls: int) -> None: ...

    names = ["_hidden", "model_config", "value", "self", "schema", "cls"]
    signature = Signature("t", task)

    assert signature.load_call(signature.dump_call(range(6), {})) == dict(zip(names, range(6), strict=True))
