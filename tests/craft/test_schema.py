"""What a task says of itself to those who have no Python: JSON Schema, documentation."""

import json
import threading
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from tests.craft.kinds import Blob, Camel, Colour, Image, Renamed
from workmill import App, ConfigError, InvalidArguments


@pytest.fixture
def schema(app: App) -> dict[str, Any]:
    @app.task
    def resize(
        path: Annotated[str, Field(description="Where it is", min_length=1)],
        width: Annotated[int, Field(gt=0)] = 800,
        mode: Literal["fit", "fill"] = "fit",
        colour: Colour = Colour.RED,
        *,
        mark: bytes = b"\xff",
        cost: Decimal = Decimal("0.5"),
        after: datetime | None = None,
    ) -> Image:
        """Make an image smaller.

        It stays where it is.
        """
        raise NotImplementedError

    return app.tasks["resize"].schema


def test_it_is_an_object_of_the_parameters_in_their_order_and_nothing_else(schema: dict[str, Any]) -> None:
    assert schema["type"] == "object"
    assert schema["title"] == "resize"
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["path", "width", "mode", "colour", "mark", "cost", "after"]
    assert schema["required"] == ["path"]


def test_defaults_stand_in_it_as_a_client_would_send_them(app: App, schema: dict[str, Any]) -> None:
    defaults = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}

    assert defaults == {"width": 800, "mode": "fit", "colour": "red", "mark": "_w==", "cost": "0.5", "after": None}
    assert app.tasks["resize"].job_from_json(json.dumps({"path": "a", **defaults}).encode())


def test_descriptions_and_bounds_stand_in_it_and_hold(app: App, schema: dict[str, Any]) -> None:
    assert schema["properties"]["path"] == {
        "description": "Where it is",
        "minLength": 1,
        "title": "Path",
        "type": "string",
    }
    assert schema["properties"]["width"]["exclusiveMinimum"] == 0
    with pytest.raises(InvalidArguments, match="#/path: String should have at least 1 character"):
        app.tasks["resize"].job("", width=3)


def test_a_default_without_a_json_form_is_left_out_and_still_serves(app: App) -> None:
    @app.task
    def wait(until: float = float("inf"), what: Any = object) -> None: ...

    assert [set(field) for field in wait.schema["properties"].values()] == [{"title", "type"}, {"title"}]
    assert wait.job().args == b"{}"


def test_the_result_has_a_schema_of_its_own(app: App, schema: dict[str, Any]) -> None:
    assert schema
    result = app.tasks["resize"].result_schema

    assert result["$ref"] == "#/$defs/Image"
    assert set(result["$defs"]) == {"Colour", "Image", "Size"}


def test_a_result_of_a_plain_type_is_called_result(app: App) -> None:
    @app.task
    def count() -> int:
        return 1

    @app.task
    def nothing() -> None: ...

    @app.task
    def unknown():  # noqa: ANN202 - that is the point
        return 1

    assert count.result_schema == {"title": "Result", "type": "integer"}
    assert nothing.result_schema == {"title": "Result", "type": "null"}
    assert unknown.result_schema == {"title": "Result"}


def test_names_are_those_of_whoever_writes_or_reads_the_json(app: App) -> None:
    @app.task
    def rename(value: Renamed) -> Renamed:
        return value

    assert list(rename.schema["$defs"]["Renamed"]["properties"]) == ["in"]
    assert list(rename.result_schema["$defs"]["Renamed"]["properties"]) == ["out"]
    assert rename.job_from_json(b'{"value": {"in": 3}}')


def test_bytes_are_base64_in_it(app: App) -> None:
    @app.task
    def keep(blob: Blob, more: bytes) -> bytes:
        return blob.content + more

    assert keep.schema["properties"]["more"]["format"] == "base64url"
    assert keep.schema["$defs"]["Blob"]["properties"]["content"]["format"] == "base64url"
    assert keep.result_schema["format"] == "base64url"


def test_a_tasks_documentation_is_the_functions_own(app: App, schema: dict[str, Any]) -> None:
    assert schema
    resize = app.tasks["resize"]

    assert resize.doc == "Make an image smaller.\n\nIt stays where it is."
    assert resize.__doc__ is not None
    assert resize.__name__ == "resize"


def test_a_function_without_documentation_has_none(app: App) -> None:
    @app.task
    def quiet(name: Camel) -> None: ...

    assert quiet.doc == ""


def test_every_task_that_cannot_be_served_is_named_with_its_problem(app: App) -> None:
    @app.task
    def lock(held: threading.Lock) -> None: ...

    @app.task
    def thread() -> threading.Thread: ...  # type: ignore[empty-body]

    with pytest.raises(ConfigError) as refused:
        app.program.check_signatures()

    said = str(refused.value).splitlines()
    assert [line.partition(": Unable")[0] for line in said] == [
        "task 'lock': its arguments cannot be written as JSON",
        "task 'thread': its result cannot be written as JSON",
    ]
    assert "arbitrary_types_allowed" not in str(refused.value)
