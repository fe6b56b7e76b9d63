from collections.abc import Iterator
from datetime import timedelta

import pytest

from workmill import App, Retry, Snooze
from workmill.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(clock: FakeClock) -> Iterator[App]:
    with App("memory://", clock=clock) as app:
        yield app


def states(app: App) -> list[str]:
    return [str(job.state) for job in reversed(app.jobs().jobs)]


def test_the_highest_priority_is_run_first(app: App) -> None:
    seen: list[str] = []

    @app.task
    def note(name: str) -> None:
        seen.append(name)

    note.enqueue("plain")
    note.using(priority=5).enqueue("urgent")

    assert app.drain() == 2
    assert seen == ["urgent", "plain"]


def test_only_the_queues_that_are_named_are_drained(app: App) -> None:
    @app.task
    def work() -> None: ...

    work.using(queue="images").enqueue()
    work.enqueue()

    assert app.drain(queues=["images"]) == 1
    assert states(app) == ["succeeded", "queued"]


@pytest.mark.parametrize(("limit", "left"), [(0, 3), (1, 2), (3, 0), (9, 0)])
def test_no_more_attempts_are_started_than_the_limit(app: App, limit: int, left: int) -> None:
    @app.task
    def work() -> None: ...

    app.enqueue_many([work.job() for _ in range(3)])

    assert app.drain(limit=limit) == 3 - left
    assert states(app).count("queued") == left


def test_skipping_delays_repeats_what_failed_and_nothing_else(app: App) -> None:
    @app.task(retry=Retry(2, first=3600))
    def fail() -> None:
        raise ValueError

    @app.task
    def snooze() -> None:
        raise Snooze(3600)

    fail.enqueue()
    snooze.enqueue()
    fail.using(delay=3600).enqueue()

    assert app.drain(skip_delays=True) == 4
    assert states(app) == ["failed", "scheduled", "scheduled"]


def test_what_became_due_is_run(app: App, clock: FakeClock) -> None:
    @app.task
    def work() -> None: ...

    work.using(delay=60).enqueue()

    assert app.drain() == 0
    clock.advance(60)
    assert app.drain() == 1


def test_jobs_of_tasks_that_are_not_known_here_stay(app: App) -> None:
    other = App("memory://")

    @other.task
    def elsewhere() -> None: ...

    app.enqueue_many([elsewhere.job(), elsewhere.using(delay=1).job()])

    assert app.drain() == 0
    assert sorted(states(app)) == ["queued", "scheduled"]
    other.close()


def test_a_drain_that_outlives_its_lease_goes_on_under_another(app: App, clock: FakeClock) -> None:
    @app.task
    def slow() -> None:
        clock.advance(timedelta(days=1))

    app.enqueue_many([slow.job() for _ in range(3)])

    assert app.drain() == 3
    assert set(states(app)) == {"succeeded"}


def test_a_drain_leaves_no_live_worker_behind(app: App) -> None:
    @app.task
    def work() -> None: ...

    work.enqueue()
    app.drain()

    assert [worker.is_live for worker in app.workers()] == [False]


async def test_an_asynchronous_program_drains_too(app: App) -> None:
    @app.task
    async def work() -> int:
        return 5

    handle = await work.aenqueue()

    assert await app.adrain() == 1
    assert await handle.aresult(timeout=0) == 5
