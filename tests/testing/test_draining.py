from datetime import timedelta

import pytest

from workmill import App, Retry, Snooze, current_job
from workmill.testing import FakeClock, StillBusy, adrain, drain


def test_drain_runs_what_is_queued_in_order_and_says_how_much(app: App) -> None:
    seen: list[int] = []

    @app.task
    def note(number: int) -> None:
        seen.append(number)

    for number in range(3):
        note.enqueue(number)

    assert drain(app) == 3
    assert seen == [0, 1, 2]
    assert drain(app) == 0


def test_drain_runs_what_its_jobs_enqueue(app: App) -> None:
    @app.task
    def down(number: int) -> None:
        if number:
            down.enqueue(number - 1)

    down.enqueue(2)

    assert drain(app) == 3


def test_without_a_clock_what_has_a_time_stays(app: App) -> None:
    @app.task(retry=Retry(1))
    def fail() -> None:
        raise ValueError

    failing, delayed = fail.enqueue(), fail.using(delay=60).enqueue()

    assert drain(app) == 1
    assert failing.refresh().state == "retrying"
    assert delayed.refresh().state == "scheduled"


def test_with_a_clock_everything_runs_at_its_time(app: App, clock: FakeClock) -> None:
    began = clock()
    times: list[timedelta] = []

    @app.task(retry=Retry(2, first=10, factor=2, jitter=0))
    def third_time_lucky() -> int:
        times.append(clock() - began)
        if current_job.attempt < 3:
            raise ValueError
        return current_job.attempt

    late = third_time_lucky.using(delay=3600).enqueue()
    early = third_time_lucky.enqueue()

    assert drain(app, clock=clock) == 6
    assert [time.total_seconds() for time in times] == [0, 10, 30, 3600, 3610, 3630]
    assert (early.result(timeout=0), late.result(timeout=0)) == (3, 3)


def test_with_a_clock_more_jobs_than_a_page_holds_run_in_the_order_of_their_times(app: App, clock: FakeClock) -> None:
    seen: list[int] = []

    @app.task
    def note(number: int) -> None:
        seen.append(number)

    soon = note.using(delay=1).job(-1)
    app.enqueue_many([soon, *(note.using(delay=2).job(number) for number in range(1000))])

    assert drain(app, clock=clock, limit=1001) == 1001
    assert seen[0] == -1


def test_a_job_that_goes_on_for_ever_is_an_error(app: App, clock: FakeClock) -> None:
    @app.task
    def again() -> None:
        again.enqueue()

    @app.task
    def later() -> None:
        raise Snooze(60)

    later.enqueue()
    with pytest.raises(StillBusy, match="20 attempts"):
        drain(app, clock=clock, limit=20)
    again.enqueue()
    with pytest.raises(StillBusy, match="20 attempts"):
        drain(app, limit=20)


async def test_adrain_does_the_same_awaited(app: App, clock: FakeClock) -> None:
    @app.task(retry=Retry(1))
    async def second_time_lucky() -> str:
        if current_job.attempt == 1:
            raise ValueError
        return "done"

    handle = await second_time_lucky.using(delay=60).aenqueue()

    assert await adrain(app, clock=clock) == 2
    assert await handle.aresult(timeout=0) == "done"


async def test_adrain_pages_and_has_a_limit_too(app: App, clock: FakeClock) -> None:
    @app.task
    def note(number: int) -> None: ...

    await app.aenqueue_many([note.using(delay=1).job(number) for number in range(1001)])

    with pytest.raises(StillBusy, match="1000 attempts"):
        await adrain(app, clock=clock)
