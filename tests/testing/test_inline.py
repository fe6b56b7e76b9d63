from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from workmill import App, CallNext, InvalidArguments, Job, JobFailed, Retry, Snooze, WorkmillError, current_job
from workmill.testing import FakeClock, StillBusy, drain, inline


def test_a_job_is_done_when_its_handle_is_given(app: App) -> None:
    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    with inline(app):
        handle = add.enqueue(1, 2)

    assert handle.done
    assert handle.result(timeout=0) == 3


async def test_asynchronous_code_runs_inline_as_well(app: App) -> None:
    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    with inline(app):
        handle = await add.aenqueue(1, 2)

    assert await handle.aresult(timeout=0) == 3


def test_arguments_and_results_go_through_json(app: App) -> None:
    class Trip(BaseModel):
        day: date

    seen: list[object] = []

    @app.task
    def plan(trip: Trip, stops: tuple[str, ...]) -> list[date]:
        seen.append(trip)
        seen.append(stops)
        return [trip.day]

    trip = Trip(day=date(2030, 1, 1))
    with inline(app):
        handle = plan.enqueue(trip, ("a",))

    assert seen == [trip, ("a",)]
    assert seen[0] is not trip
    assert handle.result(timeout=0) == [date(2030, 1, 1)]
    assert handle.document()["result"] == ["2030-01-01"]


def test_a_result_that_is_no_json_fails_the_job(app: App) -> None:
    @app.task
    def unwritable() -> object:
        return object()

    with inline(app):
        handle = unwritable.enqueue()

    assert handle.document()["error"]["kind"] == "result_rejected"


def test_wrong_arguments_are_refused_where_they_are_given(app: App) -> None:
    @app.task
    def square(number: int) -> int:
        return number * number

    with inline(app), pytest.raises(InvalidArguments):
        square.enqueue("four")  # type: ignore[arg-type] # what is refused


def test_a_failure_is_raised_where_the_result_is_asked_for(app: App) -> None:
    @app.task
    def fail() -> None:
        raise ValueError("no")

    with inline(app):
        handle = fail.enqueue()

    assert handle.state == "failed"
    with pytest.raises(JobFailed, match="ValueError: no"):
        handle.result(timeout=0)


def test_retries_follow_at_once_as_many_as_the_policy_allows(app: App, clock: FakeClock) -> None:
    began = clock()

    @app.task(retry=Retry(2, first=3600))
    def third_time_lucky(wanted: int) -> int:
        if current_job.attempt < wanted:
            raise ValueError
        return current_job.attempt

    with inline(app):
        lucky, unlucky = third_time_lucky.enqueue(3), third_time_lucky.enqueue(4)

    assert lucky.result(timeout=0) == 3
    assert (unlucky.state, unlucky.record.attempt) == ("failed", 3)
    assert [attempt.number for attempt in unlucky.attempts()] == [1, 2, 3]
    assert clock() == began


def test_what_has_a_time_waits_for_it(app: App, clock: FakeClock) -> None:
    @app.task
    def snoozing() -> str:
        if clock().hour == 0:
            raise Snooze(3600)
        return "awake"

    with inline(app):
        snoozed = snoozing.enqueue()
        delayed = snoozing.using(delay=3600).enqueue()

    assert (snoozed.state, delayed.state) == ("scheduled", "scheduled")
    drain(app, clock=clock)
    assert (snoozed.refresh().result(timeout=0), delayed.refresh().result(timeout=0)) == ("awake", "awake")


def test_jobs_that_wait_for_jobs_they_enqueue_get_their_results(app: App) -> None:
    @app.task
    def factorial(number: int) -> int:
        return number * factorial.enqueue(number - 1).result(timeout=10) if number > 1 else 1

    @app.task
    async def twice(number: int) -> int:
        return 2 * await (await factorial.aenqueue(number)).aresult(timeout=10)

    with inline(app):
        assert twice.enqueue(5).result(timeout=0) == 240


def test_a_blocking_enqueue_inside_an_async_task_is_refused_and_not_a_deadlock(app: App) -> None:
    @app.task
    async def outer() -> None:
        outer.enqueue()

    with inline(app):
        handle = outer.enqueue()

    with pytest.raises(JobFailed, match="a blocking call inside async code"):
        handle.result(timeout=0)


def test_many_at_once_are_all_done(app: App) -> None:
    @app.task
    def square(number: int) -> int:
        return number * number

    with inline(app):
        handles = app.enqueue_many([square.job(number) for number in range(5)])

    assert [handle.result(timeout=0) for handle in handles] == [0, 1, 4, 9, 16]


def test_jobs_that_enqueue_one_another_without_end_are_stopped(app: App) -> None:
    @app.task
    def again() -> None:
        again.enqueue()

    @app.task
    def fine() -> str:
        return "fine"

    with inline(app):
        with pytest.raises(StillBusy, match="50 jobs"):
            again.enqueue()
        assert fine.enqueue().result(timeout=0) == "fine"

    assert {job.state for job in app.jobs(tasks=("again",)).jobs} == {"failed", "cancelled"}


def test_outside_the_block_jobs_are_enqueued_as_ever_also_after_an_error(app: App) -> None:
    @app.task
    def fine() -> None: ...

    def break_out() -> None:
        with inline(app):
            raise LookupError

    with pytest.raises(LookupError):
        break_out()

    assert fine.enqueue().state == "queued"


def test_middleware_goes_around_inline_jobs(clock: FakeClock) -> None:
    seen: list[str] = []

    async def note(job: Job, call_next: CallNext) -> object:
        seen.append(f"before {job.task}")
        value = await call_next()
        seen.append("after")
        return value

    with App("memory://", middleware=[note], clock=clock) as app:

        @app.task
        def work() -> None:
            seen.append("work")

        with inline(app):
            work.enqueue()

    assert seen == ["before work", "work", "after"]


def test_it_works_on_a_file_as_well(tmp_path: Path) -> None:
    with App(f"sqlite:///{tmp_path}/jobs.db") as app:

        @app.task
        def add(a: int, b: int) -> int:
            return a + b

        with inline(app):
            assert add.enqueue(1, 2).result(timeout=0) == 3


def test_still_busy_is_a_failure_of_the_test_and_no_error_of_workmill() -> None:
    assert not issubclass(StillBusy, WorkmillError)
