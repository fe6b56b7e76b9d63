from datetime import timedelta
from typing import Any

import pytest

from workmill import App, InvalidOption
from workmill.craft.isolation import Isolation


def nothing() -> None: ...


@pytest.fixture
def app() -> App:
    return App("memory://")


def test_a_task_has_no_process_of_its_own_unless_it_says_so(app: App) -> None:
    task = app.task(nothing)

    assert not task.is_process
    assert task.isolation is None


def test_the_bounds_of_a_process_are_the_tasks_own_and_using_keeps_them(app: App) -> None:
    task = app.task(process=True, grace=2, memory="512MB", timeout=60)(nothing)

    assert task.using(timeout=5).isolation == Isolation(grace=timedelta(seconds=2), memory=512_000_000)
    assert task.is_process


def test_a_process_has_five_seconds_of_grace_and_no_memory_limit_unless_told(app: App) -> None:
    assert app.task(process=True)(nothing).isolation == Isolation(grace=timedelta(seconds=5), memory=None)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"memory": "1GB"}, "memory"),
        ({"grace": 1}, "grace"),
        ({"process": "yes"}, "process"),
        ({"process": True, "memory": "much"}, "memory"),
        ({"process": True, "memory": 0}, "memory"),
        ({"process": True, "grace": -1}, "grace"),
    ],
)
def test_bounds_that_cannot_be_held_are_refused_by_name(app: App, options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        app.task(**options)(nothing)

    assert refused.value.option == option
