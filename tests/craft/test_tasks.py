"""The decorated function: still a plain callable, and the door to its jobs."""

import asyncio
import functools
import inspect
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from workmill import App, DuplicateTask, InvalidOption, NewJob, Retry, TaskError, UnknownTask

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


async def wait_for(seconds: float) -> float:
    await asyncio.sleep(0)
    return seconds


def test_a_plain_call_stays_a_plain_call(app: App) -> None:
    task = app.task(add)

    assert task(1) == 3
    assert task(1, b=4) == 5
    assert task("a", "b") == "ab"  # type: ignore[arg-type, comparison-overlap] # nothing is checked: it is the function
    assert app.counts() == []


async def test_a_call_of_an_async_task_is_a_coroutine(app: App) -> None:
    task = app.task(wait_for)

    assert inspect.iscoroutine(call := task(0.5))
    assert await call == 0.5


def test_a_task_looks_like_its_function(app: App) -> None:
    task = app.task(add)

    assert (task.__name__, task.__doc__, task.__module__) == ("add", "Add two numbers.", __name__)
    assert inspect.signature(task) == inspect.signature(add)
    assert repr(task) == "<Task add>"
    assert task.function is add


def test_the_decorator_takes_options_by_name(app: App) -> None:
    @app.task(name="math.add", queue="numbers", priority=7, retry=Retry(3, first=5), timeout=9, keep=timedelta(days=1))
    def function(a: int) -> int:
        return a

    job = function.job(1)

    assert app.tasks == {"math.add": function}
    assert (job.task, job.queue, job.priority) == ("math.add", "numbers", 7)
    assert (job.policy.max_attempts, job.policy.backoff.first) == (4, timedelta(seconds=5))
    assert (job.policy.timeout, job.policy.keep) == (timedelta(seconds=9), timedelta(days=1))


def test_without_options_a_job_is_tried_once_and_kept_a_week(app: App) -> None:
    job = app.task(add).job(1)

    assert (job.queue, job.priority, job.key, job.delay, job.run_at) == ("default", 0, None, None, None)
    assert (job.policy.max_attempts, job.policy.timeout, job.policy.keep) == (1, None, timedelta(days=7))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "ä"}, "name"),
        ({"name": "a" * 129}, "name"),
        ({"name": 3}, "name"),
        ({"queue": ""}, "queue"),
        ({"queue": "a/b"}, "queue"),
        ({"queue": None}, "queue"),
        ({"priority": 101}, "priority"),
        ({"priority": -101}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "1 s"}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"keep": timedelta(seconds=-1)}, "keep"),
        ({"retry": 3}, "retry"),
        ({"retry": Retry}, "retry"),
    ],
)
def test_an_option_out_of_its_range_is_refused_by_name(app: App, options: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        app.task(**options)(add)

    assert raised.value.option == named
    assert raised.value.remedy in str(raised.value)
    assert app.tasks == {}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"queue": "a b"}, "queue"),
        ({"priority": 1000}, "priority"),
        ({"delay": -1}, "delay"),
        ({"delay": "soon"}, "delay"),
        ({"run_after": datetime(2030, 1, 1)}, "run_after"),  # noqa: DTZ001 - that is the point
        ({"run_after": "2030-01-01"}, "run_after"),
        ({"run_after": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, "run_after"),
        ({"delay": 1, "run_after": NOON}, "run_after"),
        ({"key": ""}, "key"),
        ({"key": "a" * 256}, "key"),
        ({"key": "a\nb"}, "key"),
        ({"key": 3}, "key"),
        ({"retry": 3}, "retry"),
        ({"retry": Retry(3, on=OSError)}, "retry.on"),
        ({"timeout": 0}, "timeout"),
        ({"keep": -1}, "keep"),
    ],
)
def test_an_option_of_one_enqueue_out_of_its_range_is_refused_by_name(
    app: App, options: dict[str, Any], named: str
) -> None:
    task = app.task(add)

    with pytest.raises(InvalidOption) as raised:
        task.using(**options)

    assert raised.value.option == named


def test_using_returns_a_copy_and_leaves_the_task_as_it_was(app: App) -> None:
    task = app.task(add)

    other = task.using(queue="slow", priority=-5, key="k", timeout=3)

    assert other is not task
    assert (other.queue, other.options.key, other.policy.timeout) == ("slow", "k", timedelta(seconds=3))
    assert (task.queue, task.options.key, task.policy.timeout) == ("default", None, None)
    assert app.tasks["add"] is task
    assert other(1) == 3
    assert other.schema is task.schema


def test_what_using_is_not_given_stays_as_it_was(app: App) -> None:
    task = app.task(queue="images", retry=Retry(2))(add).using(priority=5, key="k").using(timeout=3)

    job = task.job(1)

    assert (job.queue, job.priority, job.key) == ("images", 5, "k")
    assert (job.policy.max_attempts, job.policy.timeout) == (3, timedelta(seconds=3))


def test_a_delay_and_a_time_take_each_others_place(app: App) -> None:
    delayed = app.task(add).using(delay=60)
    timed = delayed.using(run_after=NOON)

    assert (delayed.job(1).delay, delayed.job(1).run_at) == (timedelta(seconds=60), None)
    assert (timed.job(1).delay, timed.job(1).run_at) == (None, NOON)
    assert (timed.using(delay=0).job(1).delay, timed.using(delay=0).job(1).run_at) == (timedelta(0), None)
    assert timed.using(key="k").job(1).run_at == NOON


def test_a_time_is_the_same_moment_in_any_zone(app: App) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))

    assert app.task(add).using(run_after=elsewhere).job(1).run_at == NOON


def test_a_job_is_made_and_not_stored(app: App) -> None:
    task = app.task(add)

    first, second = task.job(1), task.job(a=1)

    assert isinstance(first, NewJob)
    assert first.args == second.args == b'{"a":1}'
    assert first.id != second.id
    assert app.counts() == []


def test_ids_sort_by_the_time_they_were_made(app: App) -> None:
    task = app.task(add)
    ids = [task.job(1).id for _ in range(3)]

    assert [each[:8] for each in ids] == sorted(each[:8] for each in ids)
    assert {each[14] for each in ids} == {"7"}


def test_a_job_of_a_clients_json_has_the_options_too(app: App) -> None:
    job = app.task(add).using(queue="slow", key="k").job_from_json(b'{"b": 3, "a": 1}')

    assert (job.args, job.queue, job.key) == (b'{"a":1,"b":3}', "slow", "k")


def test_two_functions_of_one_name_are_refused(app: App) -> None:
    app.task(add)

    with pytest.raises(DuplicateTask, match="a task named 'add' is registered already"):
        app.task(name="add")(lambda: None)


def test_a_task_that_nobody_registered_is_named_with_those_that_are(app: App) -> None:
    app.task(add)

    with pytest.raises(UnknownTask, match="no task named 'sub' is registered; registered tasks: add"):
        app.task_named("sub")
    assert app.task_named("add") is app.tasks["add"]


def test_the_tasks_of_an_application_cannot_be_changed_from_outside(app: App) -> None:
    with pytest.raises(TypeError):
        app.tasks["add"] = app.task(add)  # type: ignore[index] # that is the point


def generate() -> Any:
    yield 1


async def generate_later() -> Any:
    yield 1


class Shape:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    "thing", [generate, generate_later, Shape, Shape(), int, "name", 3, functools.partial(add, 1), min]
)
def test_what_cannot_be_a_task_is_refused_at_decoration(app: App, thing: Any) -> None:
    with pytest.raises(TaskError):
        app.task(name="thing")(thing)
    assert app.tasks == {}


def test_a_function_without_a_name_of_its_own_needs_one_given(app: App) -> None:
    with pytest.raises(InvalidOption, match="name='<lambda>'"):
        app.task(lambda: None)

    assert app.task(name="nothing")(lambda: None).job().task == "nothing"


def test_attributes_of_a_function_do_not_disturb_its_task(app: App) -> None:
    def marked() -> int:
        return 1

    for name in ("name", "options", "signature", "function", "queue"):
        setattr(marked, name, "mine")

    task = app.task(marked)

    assert (task.name, task.queue, task.function) == ("marked", "default", marked)
    assert task.enqueue().state == "queued"


async def test_a_function_can_be_a_task_of_two_applications() -> None:
    with App("memory://") as one, App("memory://") as two:
        first = one.task(wait_for)
        second = two.task(queue="other")(first)

        job = await second.aenqueue(0.5)
        await two.adrain()

        assert await job.aresult(0) == 0.5
        assert one.counts() == []
        assert (first.queue, second.queue) == ("default", "other")


def test_a_method_of_an_object_can_be_a_task(app: App) -> None:
    class Shop:
        def sell(self, number: int) -> int:
            return number

    task = app.task(Shop().sell)

    assert task.name == "sell"
    assert list(task.schema["properties"]) == ["number"]
