"""Results: from what a task returns, over JSON, to what its caller gets."""

import asyncio
import math
from typing import Any

import pytest
from pydantic import BaseModel

from tests.craft.kinds import KINDS, Camel, Point, Renamed, Size
from workmill import App, FailureKind, JobFailed, TaskError
from workmill.craft.signature import ResultRejected, Signature


def returning(hint: Any) -> Signature:
    """Return the signature of a task with a return type."""

    def task() -> None: ...

    task.__annotations__ = {"return": hint}
    return Signature("give", task)


@pytest.mark.parametrize(("hint", "value", "_"), [kind for kind in KINDS if kind[0] is not Renamed])
def test_every_type_comes_back_as_it_was_returned(hint: Any, value: Any, _: str) -> None:
    signature = returning(hint)

    loaded = signature.load_result(signature.dump_result(value))

    assert loaded == value
    assert type(loaded) is type(value)


def test_a_result_bears_the_names_that_its_schema_names() -> None:
    signature = returning(Camel)

    assert signature.dump_result(Camel(FirstName="a")) == b'{"FirstName":"a"}'
    assert list(signature.result_schema["$defs"]["Camel"]["properties"]) == ["FirstName"]


def test_a_model_that_writes_other_names_than_it_reads_is_for_clients_only() -> None:
    signature = returning(Renamed)

    stored = signature.dump_result(Renamed(**{"in": 3}))

    assert stored == b'{"out":3}'
    with pytest.raises(TaskError, match="/in: Field required"):
        signature.load_result(stored)


@pytest.mark.parametrize(
    ("hint", "value"),
    [(int, "x"), (int, None), (None, 1), (list[int], [1, "x"]), (Point, {"x": "y"}), (Size, (1,)), (str, 3)],
)
def test_what_is_not_of_the_return_type_is_rejected(hint: Any, value: object) -> None:
    with pytest.raises(ResultRejected, match=f"the returned {type(value).__name__} is not what the return type says"):
        returning(hint).dump_result(value)


def test_a_rejection_says_where_the_result_is_wrong() -> None:
    with pytest.raises(ResultRejected, match="return type says: /0/1: Input should be a valid integer"):
        returning(list[list[int]]).dump_result([[1, "x"]])
    with pytest.raises(ResultRejected, match="return type says: it: Input should be a valid integer"):
        returning(int).dump_result("x")


class Measured(BaseModel):
    value: float | None


@pytest.mark.parametrize(
    "value",
    [object(), math.nan, [math.inf], Measured(value=math.nan), "\ud800", 10**5000, asyncio.Event(), open],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_json_form_is_rejected(value: object) -> None:
    with pytest.raises(ResultRejected, match=f"the returned {type(value).__name__} has no JSON form"):
        returning(Any).dump_result(value)


@pytest.mark.parametrize("depth", [*range(195, 205), 250, 10_000])
def test_what_is_nested_too_deeply_to_be_read_is_not_written(depth: int) -> None:
    signature, value = returning(Any), list[Any]()
    for _ in range(depth):
        value = [value]

    try:
        stored = signature.dump_result(value)
    except ResultRejected:
        assert depth > 195
    else:
        assert signature.load_result(stored) == value
        assert depth < 250


def test_a_stored_result_of_an_older_return_type_is_an_error_of_the_task() -> None:
    with pytest.raises(TaskError, match="the stored result is not what the return type says now: it: Input should"):
        returning(int).load_result(b'"x"')


def test_a_rejected_result_fails_its_job_for_good(app: App) -> None:
    @app.task
    def wrong() -> int:
        return "x"  # type: ignore[return-value] # that is the point

    job = wrong.enqueue()
    app.drain()

    with pytest.raises(JobFailed, match="ResultRejected: the returned str is not what the return type says"):
        job.result(0)
    assert job.record.failure is not None
    assert job.record.failure.kind is FailureKind.RESULT_REJECTED


def test_the_handle_of_a_task_unknown_here_has_the_result_as_plain_json(app: App) -> None:
    @app.task
    def point() -> Point:
        return Point(1, 2)

    job = point.enqueue()
    app.drain()
    del app._registry.tasks["point"]  # noqa: SLF001 - as in a program that does not import the task

    assert job.result() == Point(1, 2)
    assert app.job(job.id).result() == {"x": 1, "y": 2}
