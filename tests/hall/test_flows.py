"""Jobs that follow others: callbacks, chains, groups, chords, graphs, and flows as wholes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from workmill import (
    App,
    Failure,
    FailureKind,
    Flow,
    FlowHandle,
    FlowNotFound,
    InvalidArguments,
    InvalidOption,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobState,
    Retry,
    WaitTimeout,
    chain,
    chord,
    group,
)
from workmill.testing import FakeClock


class Tasks:
    """The tasks of these tests, and whether `divide` may divide by zero yet."""

    def __init__(self, app: App) -> None:
        self.allows_zero = False

        @app.task
        def add(a: int, b: int = 1) -> int:
            return a + b

        @app.task
        def total(parts: list[int | None], start: int = 0) -> int:
            return start + sum(part or 0 for part in parts)

        @app.task
        def note(job: str, tag: str = "") -> str:
            return f"{tag}{job}"

        @app.task
        def divide(a: int, by: int = 1) -> int:
            return a if self.allows_zero else a // by

        @app.task
        def nothing() -> None:
            return

        self.add, self.total, self.note, self.divide, self.nothing = add, total, note, divide, nothing


@pytest.fixture
def tasks(app: App) -> Tasks:
    return Tasks(app)


def states(handle: FlowHandle) -> list[str]:
    return [str(job.state) for job in handle.jobs()]


def test_a_chain_hands_each_result_to_the_next(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(1), tasks.add.step(), tasks.add.step(b=10)))

    assert app.drain() == 3
    assert flow.results(0) == [2, 3, 13]


def test_a_job_of_a_chain_that_is_no_step_gets_nothing(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(1), tasks.add.job(5)))

    app.drain()

    assert flow.results(0) == [2, 6]


def test_a_chord_hands_all_results_in_order_to_one_job(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chord([tasks.add.job(number) for number in (5, 3, 4)], tasks.total.step(start=100)))

    app.drain()

    assert flow.results(0) == [6, 4, 5, 115]


@pytest.mark.parametrize("numbers", [[], [7]])
def test_a_chord_of_few_hands_over_a_list_too(app: App, tasks: Tasks, numbers: list[int]) -> None:
    flow = app.enqueue_flow(chord([tasks.add.job(number) for number in numbers], tasks.total.step()))

    app.drain()

    assert flow.results(0)[-1] == sum(numbers) + len(numbers)


def test_a_graph_may_name_jobs_that_are_added_later(app: App, tasks: Tasks) -> None:
    flow, first = Flow(), tasks.add.job(1)
    last = flow.add(tasks.total.step(), after=[first, tasks_b := tasks.add.job(2)])
    flow.add(tasks_b)
    flow.add(first)

    handle = app.enqueue_flow(flow)
    app.drain()

    assert app.job(last.id).result(0) == 5
    assert {node.job.id: node.parents for node in handle.nodes()}[last.id] == (first.id, tasks_b.id)


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


def test_a_circle_is_refused_and_named(app: App, tasks: Tasks) -> None:
    flow, one, other = Flow(), tasks.add.job(1), tasks.nothing.job()
    flow.add(one, after=other)
    flow.add(other, after=one)

    with pytest.raises(InvalidOption, match="in a circle") as refused:
        app.enqueue_flow(flow)

    assert f"add ({one.id})" in str(refused.value)
    assert f"nothing ({other.id})" in str(refused.value)
    assert app.jobs().jobs == ()


def test_what_is_no_flow_is_refused(app: App, tasks: Tasks) -> None:
    job = tasks.add.job(1)
    flow = group(job)
    for store, option in (
        (lambda: app.enqueue_flow([job]), "flow"),  # type: ignore[arg-type] - that is what is refused
        (lambda: app.enqueue_flow(Flow()), "flow"),
        (lambda: flow.add(job), "job"),
        (lambda: flow.add("x"), "job"),  # type: ignore[arg-type] - likewise
        (lambda: chord([job], "x"), "total"),  # type: ignore[arg-type] - likewise
        (lambda: flow.add(tasks.nothing.job(), after="x"), "after"),
        (lambda: flow.add(tasks.nothing.job(), after=job, needs="luck"), "needs"),
        (lambda: tasks.add.using(then="x"), "then"),  # type: ignore[arg-type] - likewise
        (lambda: tasks.add.using(then=tasks.add.using(after=job).step()), "then"),
        (lambda: tasks.add.using(then=tasks.add.step()).job(1), "then"),
    ):
        with pytest.raises(InvalidOption, match=f"option {option}="):
            store()


def test_a_flow_is_stored_once_however_often(app: App, tasks: Tasks) -> None:
    flow = chain(tasks.add.job(1), tasks.add.step())

    first, again = app.enqueue_flow(flow), app.enqueue_flow(flow)

    assert (first.id, again.status().jobs) == (again.id, 2)


def test_a_flow_says_how_far_it_is(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(1), tasks.add.step(), tasks.add.step(), tasks.add.step()))

    before = flow.status()
    app.drain(limit=1)
    after = flow.status()

    assert (before.counts, before.progress, before.done) == ({JobState.QUEUED: 1, JobState.WAITING: 3}, 0.0, False)
    assert (after.jobs, after.ended, after.progress) == (4, 1, 0.25)
    assert "FlowHandle" in repr(flow)


def test_flows_are_listed_the_newest_first(app: App, tasks: Tasks, clock: FakeClock) -> None:
    made = list[str]()
    for _ in range(3):
        made.append(app.enqueue_flow(group(tasks.add.job(1))).id)
        clock.advance(1)
    tasks.add.enqueue(1)

    page = app.flows(limit=2)
    rest = app.flows(limit=2, cursor=page.next_cursor)

    assert [flow.id for flow in (*page.flows, *rest.flows)] == made[::-1]
    assert app.flow(made[0]).status().counts == {JobState.QUEUED: 1}
    for flow_id in ("x", "01a1ff3f-6714-731d-ac51-cc45513c9c26"):
        with pytest.raises(FlowNotFound):
            app.flow(flow_id)
    with pytest.raises(InvalidOption, match="option limit=0"):
        app.flows(limit=0)


async def test_results_are_awaited(app: App, tasks: Tasks) -> None:
    flow = await app.aenqueue_flow(chain(tasks.add.job(1), tasks.add.step()))
    with pytest.raises(WaitTimeout, match=r"is still at 0 of 2 jobs after 0\.01 s"):
        await flow.aresults(0.01)

    async with app.working():
        results = await flow.aresults(timeout=10)

    assert results == [2, 3]


def test_results_of_a_flow_that_failed_raise_the_failure(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(1), tasks.divide.job(1, 0), tasks.add.step()))

    app.drain()

    assert states(flow) == ["succeeded", "failed", "failed"]
    with pytest.raises(JobFailed, match="ZeroDivisionError"):
        flow.results(0)


def test_results_leave_out_what_was_not_needed(app: App, tasks: Tasks) -> None:
    flow = Flow()
    job = flow.add(tasks.add.job(1))
    flow.add(tasks.note.step(), after=job, needs="failure")

    handle = app.enqueue_flow(flow)
    app.drain()

    assert handle.results(0) == [2, None]


def test_a_flow_is_cancelled_as_a_whole(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(1), tasks.add.step(), tasks.add.step()))
    app.drain(limit=1)

    status = flow.cancel("enough")

    assert status.counts == {JobState.SUCCEEDED: 1, JobState.CANCELLED: 2}
    assert [job.record.cancel_reason for job in flow.jobs()] == [None, "enough", "enough"]
    with pytest.raises(JobCancelled, match="enough"):
        flow.results(0)
    assert flow.cancel("again").counts == status.counts


def test_a_part_that_failed_may_be_gone_on_without(app: App, tasks: Tasks) -> None:
    flow = Flow()
    parts = [flow.add(tasks.divide.job(8, by)) for by in (2, 0, 1)]
    flow.add(tasks.total.step(), after=parts, needs="end")

    handle = app.enqueue_flow(flow)
    app.drain()

    assert handle.jobs()[-1].result(0) == 12


def test_a_flow_is_retried_from_where_it_failed(app: App, tasks: Tasks) -> None:
    flow = Flow()
    first = flow.add(tasks.add.job(7))
    failed = flow.add(tasks.divide.step(by=0), after=first)
    flow.add(tasks.add.step(), after=failed)
    flow.add(tasks.note.step("told: "), after=failed, needs="failure")
    flow.add(tasks.total.step(), after=[first, failed], needs="end")
    flow.add(tasks.nothing.job())
    old = app.enqueue_flow(flow)
    app.drain()
    tasks.allows_zero = True

    new = old.retry()
    app.drain()

    assert states(old) == ["succeeded", "failed", "failed", "succeeded", "succeeded", "succeeded"]
    olds = [job.id for job in old.jobs()]
    assert [job.record.retry_of for job in new.jobs()] == olds[1:5]
    assert new.results(0) == [8, 9, None, 16]
    assert new.id != old.id


def test_a_flow_that_goes_on_or_has_succeeded_is_not_retried(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(1), tasks.add.step()))

    with pytest.raises(JobConflict, match="has not ended"):
        flow.retry()
    app.drain()
    with pytest.raises(JobConflict, match="nothing to repeat"):
        flow.retry()


def test_a_step_that_is_retried_gets_its_argument_again(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(7), tasks.divide.step(by=0)))
    app.drain()
    tasks.allows_zero = True

    again, other = flow.jobs()[1].retry(), flow.jobs()[1].retry(arguments={"a": 5, "by": 1})
    app.drain()

    assert (again.result(0), other.result(0)) == (8, 5)


def test_a_flow_may_be_large(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chord([tasks.add.job(number) for number in range(2_500)], tasks.total.step()))

    assert flow.cancel().jobs == 2_501
    assert len(flow.jobs()) == 2_501


async def test_what_runs_together_gets_its_results_together(app: App, tasks: Tasks) -> None:
    flow = Flow()
    head = flow.add(tasks.add.job(1))
    for number in range(50):
        flow.add(tasks.add.step(b=number), after=head)

    handle = await app.aenqueue_flow(flow)
    async with app.working(concurrency=50):
        results = await handle.aresults(timeout=10)

    assert results == [2, *range(2, 52)]


def test_twins_answer_alike(app: App, tasks: Tasks) -> None:
    flow = app.enqueue_flow(chain(tasks.add.job(1), tasks.divide.step(by=0)))
    app.drain()

    async def look() -> list[Any]:
        handle = await app.aflow(flow.id)
        retried = await handle.aretry()
        status = await retried.acancel("no")
        return [
            await handle.astatus() == flow.status(),
            [job.id for job in await handle.ajobs()] == [job.id for job in flow.jobs()],
            await handle.anodes() == flow.nodes(),
            status.done,
            (await app.aflows()).flows == app.flows().flows,
        ]

    assert asyncio.run(look()) == [True] * 5


def test_a_job_that_was_given_after_keeps_it_in_a_flow(app: App, tasks: Tasks) -> None:
    stored, flow = tasks.add.enqueue(1), Flow()
    inner = flow.add(tasks.add.job(2))
    flow.add(tasks.total.using(after=stored).step(), after=inner)

    handle = app.enqueue_flow(flow)
    app.drain()

    assert handle.results(0) == [3, 5]


def test_a_job_record_shows_its_flow(app: App, tasks: Tasks) -> None:
    handle = app.enqueue_flow(group(replace(tasks.add.job(1), priority=5)))

    (job,) = handle.jobs()

    assert job.record.ties is not None
    assert job.record.ties.flow == handle.id
