"""What jobs that ended lately say together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workmill import App, Failure, FailureKind, Job, JobState
from workmill.dashboard.recent import BARS, recent, troubles

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def job(app: App) -> Job:
    return (await app.task_named("add").aenqueue(1)).record


def ended(job: Job, *, ago: float, waited: float = 1.0, ran: float = 2.0, state: str = "succeeded") -> Job:
    finished = NOW - timedelta(seconds=ago)
    started = finished - timedelta(seconds=ran)
    return replace(
        job,
        state=JobState(state),
        attempt=1,
        created_at=started - timedelta(seconds=waited),
        started_at=started,
        finished_at=finished,
    )


def failed(job: Job, *, task: str = "add", kind: str = "ValueError", message: str = "no\nmore") -> Job:
    failure = Failure(kind=FailureKind.ERROR, type=kind, message=message, traceback="")
    return replace(ended(job, ago=1, state="failed"), task=task, failure=failure)


async def test_jobs_are_counted_by_when_they_ended(job: Job) -> None:
    summed = recent(
        [ended(job, ago=1), ended(job, ago=2, state="failed"), ended(job, ago=899), ended(job, ago=901)],
        NOW,
        is_cut=False,
    )

    assert (summed.succeeded, summed.failed, summed.most) == (2, 1, 2)
    assert [(bar.at, bar.succeeded, bar.failed) for bar in summed.bars] == [(0, 1, 0), (BARS - 1, 1, 1)]
    assert summed.bars[-1].succeeded_height + summed.bars[-1].failed_height == 100
    assert summed.per_minute == pytest.approx(3 / 15)


async def test_where_more_ended_than_were_looked_at_the_rate_is_that_of_what_was(job: Job) -> None:
    summed = recent([ended(job, ago=second) for second in range(60)], NOW, is_cut=True)

    assert summed.is_cut
    assert summed.per_minute == pytest.approx(60 / (59 / 60), rel=0.01)


async def test_a_page_that_reaches_beyond_the_window_is_whole(job: Job) -> None:
    assert not recent([ended(job, ago=1), ended(job, ago=5000)], NOW, is_cut=True).is_cut


async def test_lengths_are_told_by_what_half_and_nearly_all_stayed_below(job: Job) -> None:
    jobs = [ended(job, ago=1, waited=number, ran=number / 10) for number in range(1, 101)]

    waits, runs = recent(jobs, NOW, is_cut=False).spreads

    assert waits.values == pytest.approx((50, 95, 99))
    assert runs.values == pytest.approx((5, 9.5, 9.9))


async def test_a_delay_and_what_lay_between_attempts_are_no_waiting(job: Job) -> None:
    delayed = ended(job, ago=10, waited=100)
    delayed = replace(delayed, run_at=delayed.created_at + timedelta(seconds=97))
    tried_again = replace(ended(job, ago=10, waited=500), attempt=2)

    waits, runs = recent([delayed, tried_again], NOW, is_cut=False).spreads

    assert waits.values == pytest.approx((3, 3, 3))
    assert len(runs.values) == 3


async def test_nothing_ended_is_said_without_a_number() -> None:
    summed = recent([], NOW, is_cut=False)

    assert (summed.most, summed.bars, summed.per_minute) == (0, (), 0)
    assert [spread.values for spread in summed.spreads] == [(), ()]


async def test_failures_that_look_alike_stand_together_the_most_frequent_first(job: Job) -> None:
    found = troubles([failed(job), failed(job, kind="KeyError", message=""), failed(job, message="yes"), failed(job)])

    assert [(each.task, each.type, each.count, each.message) for each in found] == [
        ("add", "ValueError", 3, "no"),
        ("add", "KeyError", 1, ""),
    ]
