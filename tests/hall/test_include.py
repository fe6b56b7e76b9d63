"""One application that serves the tasks of others."""

from pathlib import Path

import pytest

from workmill import App, CallNext, ConfigError, DuplicateTask, Every, InvalidOption, Job, Limit


def two(folder: Path) -> tuple[App, App]:
    url = f"sqlite:///{folder / 'jobs.db'}"
    return App(url), App(url)


def test_one_worker_does_the_jobs_of_both(tmp_path: Path) -> None:
    whole, part = two(tmp_path)

    @part.task
    def add(a: int, b: int) -> int:
        return a + b

    @whole.task
    def double(number: int) -> int:
        return 2 * number

    whole.include(part)
    with part, whole:
        jobs = [add.enqueue(1, 2), double.enqueue(4)]
        whole.drain()

        assert [job.refresh().result(timeout=0) for job in jobs] == [3, 8]
        assert set(whole.tasks) == {add.name, double.name}
        assert set(part.tasks) == {add.name}


def test_schedules_come_along(tmp_path: Path) -> None:
    whole, part = two(tmp_path)

    tick = part.task(print_nothing)
    part.schedule("tock", tick.job(), Every(60))
    whole.include(part)

    assert set(whole.program.schedules) == {"tock"}
    with pytest.raises(InvalidOption, match="declared already"):
        whole.schedule("tock", tick.job(), Every(60))


def test_a_name_that_is_taken_is_refused_and_nothing_is_taken_in(tmp_path: Path) -> None:
    whole, part = two(tmp_path)
    whole.task(name="same")(print_nothing)
    part.task(name="other")(print_nothing)
    part.task(name="same")(print_nothing)

    with pytest.raises(DuplicateTask, match="'same'"):
        whole.include(part)

    assert set(whole.tasks) == {"same"}


def test_limits_that_contradict_are_refused(tmp_path: Path) -> None:
    whole, part = two(tmp_path)
    whole.task(name="one", limit=Limit(1, key="{number}", name="shared"))(same)
    part.task(name="two", limit=Limit(2, key="{number}", name="shared"))(same)

    with pytest.raises(InvalidOption, match=r"limit\.name"):
        whole.include(part)


def test_another_store_is_refused(tmp_path: Path) -> None:
    whole, _ = two(tmp_path)

    with pytest.raises(ConfigError, match="elsewhere"):
        whole.include(App(f"sqlite:///{tmp_path / 'other.db'}"))


def test_middleware_that_the_whole_has_not_is_refused(tmp_path: Path) -> None:
    async def around(job: Job, call_next: CallNext) -> object:  # noqa: ARG001 - as each middleware has it
        return await call_next()

    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    whole, part = App(url), App(url, middleware=[around])

    with pytest.raises(ConfigError, match="middleware"):
        whole.include(part)
    App(url, middleware=[around]).include(part)


def print_nothing() -> None: ...


def same(number: int) -> int:
    return number
