"""Actions on many jobs: cancel and retry by filter, with a look before and a guard."""

import asyncio
from typing import Any

import pytest

from workmill import App, CountChanged, InvalidOption, JobState, Unique
from workmill.craft import acting

TWINS = pytest.mark.parametrize("twin", ["blocking", "awaited"])


async def act(twin: str, app: App, action: str, **options: Any) -> Any:
    """Act, or await the twin."""
    if twin == "awaited":
        return await app.aact_on_jobs(action, **options)
    return await asyncio.to_thread(app.act_on_jobs, action, **options)


@pytest.fixture
def divide(app: App) -> Any:
    @app.task
    def divide(a: int, b: int = 1) -> float:
        return a / b

    return divide


@TWINS
async def test_jobs_are_cancelled_by_filter(app: App, divide: Any, twin: str) -> None:
    done = divide.enqueue(1)
    app.drain()
    other = divide.using(queue="other").enqueue(2)
    jobs = [divide.using(delay=60).enqueue(3), divide.enqueue(4)]

    acted = await act(twin, app, "cancel", queues=["default"], reason="a typo")
    assert (acted.matched, set(acted.job_ids), acted.refused) == (2, {job.id for job in jobs}, ())
    assert [(job.refresh().state, job.record.cancel_reason) for job in jobs] == [(JobState.CANCELLED, "a typo")] * 2
    assert (done.refresh().state, other.refresh().state) == (JobState.SUCCEEDED, JobState.QUEUED)


@TWINS
async def test_failed_jobs_are_retried_by_filter(app: App, divide: Any, twin: str) -> None:
    failed, good = divide.enqueue(1, 0), divide.enqueue(1)
    await app.adrain()

    acted = await act(twin, app, "retry", tasks=["divide"])
    assert acted.matched == 1
    assert [app.job(job_id).record.retry_of for job_id in acted.job_ids] == [failed.id]
    again = await act(twin, app, "retry", states=[JobState.SUCCEEDED])
    assert [app.job(job_id).record.retry_of for job_id in again.job_ids] == [good.id]


@TWINS
async def test_a_retry_with_a_key_makes_no_job_twice(app: App, divide: Any, twin: str) -> None:
    app.enqueue_many([divide.job(1, 0), divide.job(2, 0)])
    await app.adrain()

    first, second = [await act(twin, app, "retry", key="pressed" * 30) for _ in range(2)]
    other = await act(twin, app, "retry", key="pressed again")
    assert first == second
    assert (len(first.job_ids), len(other.job_ids)) == (2, 2)
    assert set(first.job_ids).isdisjoint(other.job_ids)


@TWINS
async def test_a_dry_run_does_nothing(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1)

    acted = await act(twin, app, "cancel", dry_run=True)
    assert (acted.matched, acted.job_ids) == (1, (job.id,))
    assert job.refresh().state is JobState.QUEUED


@TWINS
async def test_another_count_than_expected_does_nothing(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1)

    with pytest.raises(CountChanged):
        await act(twin, app, "cancel", expected=2)
    assert job.refresh().state is JobState.QUEUED


async def test_what_a_rule_stands_against_is_refused_by_itself(app: App) -> None:
    @app.task(unique=Unique(by=()))
    def start() -> None:
        raise OSError

    first = start.enqueue()
    await app.adrain()
    second = start.enqueue()
    await app.adrain()

    acted = app.act_on_jobs("retry")
    assert (acted.matched, len(acted.job_ids)) == (2, 1)
    [(refused, why)] = acted.refused
    assert refused in {first.id, second.id}
    assert "allows no second one" in why


async def test_a_queue_that_is_full_refuses_some_and_not_all(app: App, divide: Any) -> None:
    app.enqueue_many([divide.job(1, 0), divide.job(2, 0)])
    await app.adrain()
    app.queue("default").limit(waiting=1)

    acted = app.act_on_jobs("retry")
    assert (acted.matched, len(acted.job_ids), len(acted.refused)) == (2, 1, 1)
    assert "is full" in acted.refused[0][1]


async def test_a_task_that_is_not_known_here_is_retried_all_the_same(app: App, divide: Any) -> None:
    failed = divide.enqueue(1, 0)
    await app.adrain()
    del app._registry.tasks["divide"]  # noqa: SLF001 - what another version of the code has

    assert [app.job(job_id).record.retry_of for job_id in app.act_on_jobs("retry").job_ids] == [failed.id]


@pytest.mark.parametrize(
    ("action", "options", "option"),
    [
        ("delete", {}, "action"),
        ("cancel", {"states": ["failed"]}, "states"),
        ("retry", {"states": ["queued"]}, "states"),
        ("retry", {"states": ["done"]}, "states"),
        ("cancel", {"expected": -1}, "expected"),
        ("cancel", {"reason": "x" * 2000}, "reason"),
        ("retry", {"key": ""}, "key"),
    ],
)
def test_what_cannot_be_is_refused(app: App, action: str, options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        app.act_on_jobs(action, **options)

    assert raised.value.option == option


def test_too_many_jobs_are_refused(app: App, divide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "MOST_JOBS", 2)
    monkeypatch.setattr(acting, "AT_ONCE", 1)
    app.enqueue_many([divide.job(n) for n in range(3)])

    with pytest.raises(InvalidOption, match="narrow it"):
        app.act_on_jobs("cancel")
    assert app.act_on_jobs("cancel", dry_run=True, states=["running"]).matched == 0
