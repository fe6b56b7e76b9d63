"""Asking code to end, for its time limit, a cancel, or a worker that stops: what it does about it, and what follows."""

import asyncio
from datetime import timedelta

import pytest

from tests.craft.runs import LONGEST_SECONDS, Bench, claimed, failed, wait_until_asked
from workmill import App, FailureKind, Snooze, current_job
from workmill.craft.run import Run
from workmill.words.outcome import Cancelled, Outcome, Returned, Snoozed, Succeeded


async def test_an_async_task_is_interrupted_at_its_time_limit(app: App, runner: Bench) -> None:
    ends: list[str] = []

    @app.task(timeout=0.01)
    async def sleepy() -> None:
        try:
            await asyncio.sleep(LONGEST_SECONDS)
        finally:
            ends.append("cleaned up")

    outcome = failed(await runner.outcome_of(claimed(sleepy)))

    assert outcome.failure.kind is FailureKind.TIMEOUT
    assert outcome.failure.message == "the attempt ran longer than its limit of 0.01 s"
    assert outcome.retryable
    assert ends == ["cleaned up"]


async def test_a_thread_is_asked_to_end_at_its_time_limit_and_waited_for(app: App, runner: Bench) -> None:
    ends: list[str] = []

    @app.task(timeout=0.01)
    def busy() -> str:
        wait_until_asked()
        ends.append("cleaned up")
        return "too late"

    outcome = failed(await runner.outcome_of(claimed(busy)))

    assert outcome.failure.kind is FailureKind.TIMEOUT
    assert ends == ["cleaned up"]


async def test_an_error_after_the_time_limit_is_still_a_time_limit(app: App, runner: Bench) -> None:
    @app.task(timeout=0.01)
    def busy() -> None:
        wait_until_asked()
        raise ValueError

    assert failed(await runner.outcome_of(claimed(busy))).failure.kind is FailureKind.TIMEOUT


async def test_a_task_that_swallows_its_limit_and_is_interrupted_again_failed_by_its_limit(
    app: App, runner: Bench
) -> None:
    swallowed = asyncio.Event()

    @app.task(timeout=0.01)
    async def swallowing() -> None:
        try:
            await asyncio.sleep(LONGEST_SECONDS)
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.sleep(LONGEST_SECONDS)

    outcome = failed(await interrupted(runner, runner.run_of(claimed(swallowing)), gives_back=True, begun=swallowed))

    assert outcome.failure.kind is FailureKind.TIMEOUT


async def test_the_limit_is_the_jobs_own(app: App, runner: Bench) -> None:
    @app.task
    async def sleepy() -> None:
        await asyncio.sleep(LONGEST_SECONDS)

    outcome = failed(await runner.outcome_of(claimed(sleepy.using(timeout=0.01))))

    assert outcome.failure.kind is FailureKind.TIMEOUT


async def interrupted(runner: Bench, run: Run, *, gives_back: bool, begun: asyncio.Event) -> Outcome:
    """Ask a run to end as the engine does, once its code has begun."""
    execution = asyncio.create_task(runner.outcome_of(run))
    await begun.wait()
    run.ask("enough", gives_back=gives_back)
    execution.cancel()
    return await execution


ASKED = pytest.mark.parametrize(("gives_back", "expected"), [(False, Cancelled(reason="enough")), (True, Returned())])


@ASKED
async def test_an_async_task_that_is_interrupted_ends_as_asked(
    app: App, runner: Bench, *, gives_back: bool, expected: Outcome
) -> None:
    begun = asyncio.Event()

    @app.task
    async def sleepy() -> None:
        begun.set()
        await asyncio.sleep(LONGEST_SECONDS)

    run = runner.run_of(claimed(sleepy))

    assert await interrupted(runner, run, gives_back=gives_back, begun=begun) == expected


@ASKED
async def test_an_error_in_answer_to_the_interruption_hides_nothing(
    app: App, runner: Bench, *, gives_back: bool, expected: Outcome
) -> None:
    begun = asyncio.Event()

    @app.task
    async def sleepy() -> None:
        begun.set()
        try:
            await asyncio.sleep(LONGEST_SECONDS)
        finally:
            raise OSError("while cleaning up")

    run = runner.run_of(claimed(sleepy))

    assert await interrupted(runner, run, gives_back=gives_back, begun=begun) == expected


async def test_an_async_task_that_returns_all_the_same_has_its_result(app: App, runner: Bench) -> None:
    begun = asyncio.Event()

    @app.task
    async def stubborn() -> str:
        begun.set()
        try:
            await asyncio.sleep(LONGEST_SECONDS)
        except asyncio.CancelledError:
            return "done"
        return "never"

    run = runner.run_of(claimed(stubborn))

    assert await interrupted(runner, run, gives_back=False, begun=begun) == Succeeded(result=b'"done"')


@ASKED
@pytest.mark.parametrize("how", ["returns", "raises", "checks"])
async def test_a_thread_that_looked_and_ends_has_heeded(
    app: App, runner: Bench, how: str, *, gives_back: bool, expected: Outcome
) -> None:
    @app.task
    def heedful() -> str:
        run.ask("enough", gives_back=gives_back)
        if how == "checks":
            current_job.check_cancelled()
        assert current_job.cancelled
        if how == "raises":
            raise OSError("while cleaning up")
        return "half of it"

    run = runner.run_of(claimed(heedful))

    assert await runner.outcome_of(run) == expected


async def test_a_thread_that_never_looked_has_its_result(app: App, runner: Bench) -> None:
    @app.task
    def heedless() -> str:
        run.ask("enough")
        return "done"

    run = runner.run_of(claimed(heedless))

    assert await runner.outcome_of(run) == Succeeded(result=b'"done"')


async def test_a_snooze_counts_though_the_worker_stops(app: App, runner: Bench) -> None:
    @app.task
    def sleepy() -> None:
        run.ask("the worker stops", gives_back=True)
        if current_job.cancelled:
            raise Snooze(60)

    run = runner.run_of(claimed(sleepy))

    assert await runner.outcome_of(run) == Snoozed(after=timedelta(seconds=60))


@ASKED
async def test_what_was_asked_to_end_before_it_began_never_begins(
    app: App, runner: Bench, *, gives_back: bool, expected: Outcome
) -> None:
    @app.task
    def never() -> None:
        raise AssertionError

    run = runner.run_of(claimed(never))
    run.ask("enough", gives_back=gives_back)

    assert await runner.outcome_of(run) == expected
    assert not run.has_begun
