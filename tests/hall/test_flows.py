"""Flows: chains, groups, chords, graphs; looked at, cancelled and retried as wholes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.hall.following import Tasks
from workmill import (
    App,
    Flow,
    FlowHandle,
    FlowNotFound,
    InvalidOption,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobState,
    WaitTimeout,
    chain,
    chord,
    group,
)
from workmill.testing import FakeClock


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


def test_a_circle_is_refused_and_named(app: App, tasks: Tasks) -> None:
    flow, one, other = Flow(), tasks.add.job(1), tasks.nothing.job()
    flow.add(one, after=other)
    flow.add(other, after=one)

    with pytest.raises(InvalidOption, match="in a circle") as refused:
        app.enqueue_flow(flow)

    assert f"add ({one.id})" in str(refused.value)
    assert f"nothing ({other.id})" in str(refused.value)
    assert app.jobs().jobs == ()


def test_a_large_circle_is_refused_in_few_words(app: App, tasks: Tasks) -> None:
    flow, jobs = Flow(), [tasks.nothing.job() for _ in range(1_000)]
    for number, job in enumerate(jobs):
        flow.add(job, after=jobs[number - 1])

    with pytest.raises(InvalidOption, match="… 981 more; let one of them go first") as refused:
        app.enqueue_flow(flow)

    assert len(str(refused.value)) < 2_000


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
