"""What the function of a task is called within."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.craft.runs import bench, claimed, failed
from workmill import App, Job
from workmill.words.outcome import Succeeded


def saying(said: list[str], name: str) -> Any:
    @contextmanager
    def surrounding(job: Job) -> Iterator[None]:
        said.append(f"{name} before {job.task} in {threading.current_thread().name}")
        yield
        said.append(f"{name} after in {threading.current_thread().name}")

    return surrounding


async def test_a_plain_function_runs_within_it_in_the_same_thread() -> None:
    said: list[str] = []
    with App("memory://") as app:
        task = app.task(name="plain")(lambda task: said.append(f"{task} in {threading.current_thread().name}"))
        app.surround(saying(said, "outer"))
        app.surround(saying(said, "inner"))
        async with bench(app) as runner:
            outcome = await runner.outcome_of(claimed(task, "function"))

    thread = said[0].rpartition(" ")[2]
    assert outcome == Succeeded(result=b"null")
    assert thread != threading.current_thread().name
    assert said == [
        f"outer before plain in {thread}",
        f"inner before plain in {thread}",
        f"function in {thread}",
        f"inner after in {thread}",
        f"outer after in {thread}",
    ]


@pytest.mark.parametrize("timeout", [None, 5.0])
async def test_a_coroutine_runs_within_it(timeout: float | None) -> None:
    said: list[str] = []

    async def work() -> int:
        said.append("function")
        return 1

    with App("memory://") as app:
        app.surround(saying(said, "it"))
        task = app.task(name="awaited", timeout=timeout)(work)
        async with bench(app) as runner:
            outcome = await runner.outcome_of(claimed(task))

    assert outcome == Succeeded(result=b"1")
    assert [line.partition(" in ")[0] for line in said] == ["it before awaited", "function", "it after"]


async def test_its_error_is_that_of_the_attempt() -> None:
    @contextmanager
    def broken(_: Job) -> Iterator[None]:
        raise OSError("no context today")
        yield

    with App("memory://") as app:
        app.surround(broken)
        async with bench(app) as runner:
            outcome = await runner.outcome_of(claimed(app.task(name="task")(lambda: 1)))

    assert failed(outcome).failure.message == "no context today"


def test_a_plain_call_runs_without_it() -> None:
    said: list[str] = []
    with App("memory://") as app:
        app.surround(saying(said, "it"))
        task = app.task(name="task")(lambda: 1)

        assert task() == 1
    assert said == []
