"""Jobs that follow others: callbacks, and what a step gets from those that it follows."""

from typing import Any

import pytest

from tests.hall.following import Tasks
from workmill import (
    App,
    Failure,
    FailureKind,
    InvalidArguments,
    InvalidOption,
    JobState,
    Retry,
    chain,
    group,
)
from workmill.testing import FakeClock


@pytest.fixture
def tasks(app: App) -> Tasks:
    return Tasks(app)


def test_then_gets_the_result_and_on_error_the_id(app: App, tasks: Tasks) -> None:
    follow = tasks.divide.using(then=tasks.add.step(b=10), on_error=[tasks.note.step("failed: "), tasks.nothing.job()])

    good, bad = follow.enqueue(8, 2), follow.enqueue(8, 0)
    app.drain()

    ended = {(job.task, str(job.state), job.result) for job in app.jobs().jobs}
    assert good.refresh().result(0) == 4
    assert ("add", "succeeded", b"14") in ended
    assert ("note", "cancelled", None) in ended
    assert ("note", "succeeded", f'"failed: {bad.id}"'.encode()) in ended
    assert ("add", "failed", None) in ended
    assert app.counts() != []


def test_on_error_waits_for_the_last_attempt(app: App, tasks: Tasks, clock: FakeClock) -> None:
    tasks.divide.using(retry=Retry(1, first=60), on_error=tasks.nothing.job()).enqueue(1, 0)

    app.drain()
    assert [job.state for job in app.jobs(tasks=["nothing"]).jobs] == [JobState.WAITING]
    clock.advance(120)
    app.drain()

    assert [job.state for job in app.jobs(tasks=["nothing"]).jobs] == [JobState.SUCCEEDED]


@pytest.mark.parametrize("has_ended", [False, True])
async def test_a_stored_job_can_be_followed(app: App, tasks: Tasks, *, has_ended: bool) -> None:
    job = await tasks.add.aenqueue(1)
    if has_ended:
        await app.adrain()

    then, on_error = await job.athen(tasks.add.step(b=40)), await job.aon_error(tasks.note.step())
    await app.adrain()

    assert (await then.aresult(0), (await on_error.arefresh()).state) == (42, JobState.CANCELLED)


def test_what_is_no_step_follows_no_job(app: App, tasks: Tasks) -> None:
    job = tasks.add.enqueue(1)

    for step in ("x", [tasks.add.step()], tasks.add.using(after=job).step()):
        with pytest.raises(InvalidOption, match="option then="):
            job.then(step)  # type: ignore[arg-type] - that is what is refused
    assert len(app.jobs().jobs) == 1


def test_followers_of_a_job_with_a_key_are_stored_once(app: App, tasks: Tasks) -> None:
    follow = tasks.add.using(key="once", then=[tasks.add.step(), tasks.add.step(b=2)])

    first, again = follow.enqueue(1), follow.enqueue(1)

    assert (first.id, again.created) == (again.id, False)
    assert len(app.jobs().jobs) == 3


def test_followers_of_other_jobs_are_others(app: App, tasks: Tasks) -> None:
    follow = tasks.add.using(then=tasks.add.step())

    follow.enqueue(1)
    follow.enqueue(1)

    assert len(app.jobs().jobs) == 4


def test_what_a_step_gets_is_held_to_its_type(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.nothing.job(), tasks.add.step()))

    app.drain()

    failure = flow.jobs()[1].record.failure
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.ARGUMENTS_REJECTED
    assert "#/a" in failure.message


def test_a_result_stays_until_the_step_that_gets_it_has_ended(app: App, tasks: Tasks, clock: FakeClock) -> None:
    parent = tasks.add.using(keep=1).enqueue(1)
    app.drain()
    follower = parent.then(tasks.add.using(delay=10_000).step())
    clock.advance(10_001)
    prune(app)

    app.drain()

    assert follower.result(0) == 3


def prune(app: App) -> None:
    app._portal.run(lambda session: session.store.prune(100))  # noqa: SLF001 - no caller prunes; workers do


@pytest.mark.parametrize("bad", [{"b": "x"}, {"c": 1}, {"a": 1}])
def test_a_step_is_checked_when_it_is_made(tasks: Tasks, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        tasks.add.step(**bad)


def test_a_task_without_parameters_makes_no_step(tasks: Tasks) -> None:
    with pytest.raises(InvalidArguments, match="takes no argument"):
        tasks.nothing.step()


def test_a_step_follows_somebody(app: App, tasks: Tasks) -> None:
    for store in (
        lambda: app.enqueue_many([tasks.add.step()]),
        lambda: chain(tasks.add.step()),
        lambda: group(tasks.add.step()),
    ):
        with pytest.raises(InvalidOption, match="option step"):
            store()


def test_a_step_that_is_retried_gets_its_argument_again(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(7), tasks.divide.step(by=0)))
    app.drain()
    tasks.allows_zero = True

    again, other = flow.jobs()[1].retry(), flow.jobs()[1].retry(arguments={"a": 5, "by": 1})
    app.drain()

    assert (again.result(0), other.result(0)) == (8, 5)
