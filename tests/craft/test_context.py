"""`current_job`: what a task can know and say of itself."""

import asyncio
import math
import threading
from fractions import Fraction
from typing import Any

import pytest

from tests.craft.runs import Bench, claimed, failed
from workmill import App, InvalidOption, Progress, current_job
from workmill.words.outcome import Outcome, Succeeded


def test_outside_a_job_there_is_no_job_to_name() -> None:
    for ask in (lambda: current_job.id, lambda: current_job.task, lambda: current_job.attempt):
        with pytest.raises(RuntimeError, match="current_job is only there inside a running task"):
            ask()


def test_a_task_called_as_a_plain_function_may_report_progress_and_is_never_cancelled(app: App) -> None:
    @app.task
    def count(most: int) -> int:
        for done in range(most):
            current_job.check_cancelled()
            current_job.progress(done, most)
        return 0 if current_job.cancelled else most

    assert count(3) == 3


async def test_it_is_gone_after_the_job(app: App, runner: Bench) -> None:
    @app.task
    def quick() -> None: ...

    await runner.outcome_of(claimed(quick))

    with pytest.raises(RuntimeError):
        _ = current_job.id


async def test_a_task_knows_its_job(app: App, runner: Bench) -> None:
    @app.task(queue="images")
    def know() -> list[object]:
        return [current_job.id, current_job.task, current_job.queue, current_job.attempt, current_job.cancelled]

    job = claimed(know)

    outcome = await runner.outcome_of(job)

    assert outcome == Succeeded(result=f'["{job.id}","know","images",1,false]'.encode())


@pytest.mark.parametrize("is_async", [True, False])
async def test_jobs_side_by_side_each_see_their_own(app: App, runner: Bench, *, is_async: bool) -> None:
    met = threading.Barrier(3)
    gate = asyncio.Event()

    @app.task
    def plain(name: str) -> list[str]:
        met.wait(10)
        return [name, current_job.id]

    @app.task
    async def later(name: str) -> list[str]:
        if name == "2":
            gate.set()
        await gate.wait()
        return [name, current_job.id]

    jobs = [claimed(later if is_async else plain, str(number)) for number in range(3)]

    outcomes = await asyncio.gather(*map(runner.outcome_of, jobs))

    said = [outcome.result.decode() for outcome in outcomes if isinstance(outcome, Succeeded)]
    assert said == [f'["{number}","{job.id}"]' for number, job in enumerate(jobs)]


async def test_a_thread_that_a_task_starts_with_its_context_sees_the_same_job(app: App, runner: Bench) -> None:
    @app.task
    async def outer() -> bool:
        return await asyncio.to_thread(lambda: current_job.id) == current_job.id

    assert await runner.outcome_of(claimed(outer)) == Succeeded(result=b"true")


async def outcome_of_saying(app: App, runner: Bench, *progress: Any) -> Outcome:
    @app.task
    def say() -> None:
        current_job.progress(*progress)

    return await runner.outcome_of(claimed(say))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ((1,), Progress(current=1)),
        ((0.5, 1), Progress(current=0.5, total=1)),
        ((1, 2, "half"), Progress(current=1, total=2, message="half")),
        ((True, Fraction(1, 2)), Progress(current=1.0, total=0.5)),
        ((-1, 0, "a\ud800"), Progress(current=-1, total=0, message="a?")),
        ((1, None, "x" * 5000), Progress(current=1, message="x" * 1000)),
        ((1, None, 404), Progress(current=1, message="404")),
    ],
)
async def test_progress_is_kept_as_every_store_can_hold_it(
    app: App, runner: Bench, said: tuple[Any, ...], kept: Progress
) -> None:
    await outcome_of_saying(app, runner, *said)

    assert runner.progress == [kept]
    assert type(runner.progress[0].current) in {int, float}


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ((math.nan,), "current"),
        ((math.inf,), "current"),
        (("half",), "current"),
        ((1, math.inf), "total"),
        ((10**5000,), "current"),
    ],
    ids=["nan", "inf", "text", "total", "huge"],
)
async def test_a_progress_that_is_no_number_is_refused(
    app: App, runner: Bench, said: tuple[Any, ...], option: str
) -> None:
    failure = failed(await outcome_of_saying(app, runner, *said)).failure

    assert failure.type == InvalidOption.__name__
    assert failure.message.startswith(f"option progress.{option}=")
    assert runner.progress == []


async def test_progress_may_be_told_from_any_thread(app: App, runner: Bench) -> None:
    @app.task
    async def spread() -> None:
        await asyncio.gather(*(asyncio.to_thread(current_job.progress, number, 3) for number in (1, 2, 3)))

    await runner.outcome_of(claimed(spread))

    assert sorted(progress.current for progress in runner.progress) == [1, 2, 3]
