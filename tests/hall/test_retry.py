"""A job run again by hand: a new job that names the old one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from workmill import (
    App,
    InvalidArguments,
    InvalidOption,
    JobConflict,
    JobHandle,
    JobNotFound,
    JobState,
    Retry,
)
from workmill.testing import FakeClock

TWINS = pytest.mark.parametrize("twin", ["blocking", "awaited"])


async def retry(twin: str, handle: JobHandle[Any], **kwargs: Any) -> JobHandle[Any]:
    """Retry a job, or await the twin."""
    if twin == "awaited":
        return await handle.aretry(**kwargs)
    return await asyncio.to_thread(handle.retry, **kwargs)


@pytest.fixture
def divide(app: App) -> Any:
    @app.task
    def divide(a: float, b: float) -> float:
        return a / b

    return divide


@pytest.fixture
async def failed(app: App, divide: Any) -> JobHandle[float]:
    """A job that has failed, with every option set."""
    job: JobHandle[float] = divide.using(
        queue="sums", priority=7, key="k", retry=Retry(1, first=0), timeout=9, keep=3600
    ).enqueue(1, 0)
    await app.adrain(skip_delays=True)
    assert job.refresh().state is JobState.FAILED
    return job


@TWINS
async def test_a_retry_is_a_new_job_under_the_same_rules(failed: JobHandle[Any], twin: str) -> None:
    again = (await retry(twin, failed)).record

    old = failed.record
    assert again.id != old.id
    assert again.retry_of == old.id
    assert (again.task, again.queue, again.priority, again.args, again.policy) == (
        old.task,
        "sums",
        7,
        old.args,
        old.policy,
    )
    assert (again.state, again.attempt, again.deaths, again.key, again.run_at) == (JobState.QUEUED, 0, 0, None, None)
    assert again.policy.timeout == timedelta(seconds=9)


@TWINS
async def test_the_old_job_stays_as_it_is(app: App, failed: JobHandle[Any], twin: str) -> None:
    before = failed.record

    await retry(twin, failed)

    assert app.job(failed.id).record == before


@TWINS
async def test_a_retry_may_have_other_arguments(app: App, failed: JobHandle[Any], twin: str) -> None:
    again = await retry(twin, failed, arguments={"a": 1, "b": 4})
    await app.adrain()

    assert again.result(timeout=0) == 0.25
    assert (again.created, again.document()["retry_of"]) == (True, failed.id)


@TWINS
@pytest.mark.parametrize(
    "arguments", [{"a": 1}, {"a": 1, "b": "2"}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": float("nan")}, [1, 2]]
)
async def test_arguments_that_do_not_match_are_refused(
    app: App, failed: JobHandle[Any], twin: str, arguments: Any
) -> None:
    with pytest.raises(InvalidArguments, match="task 'divide'"):
        await retry(twin, failed, arguments=arguments)
    assert len(app.jobs().jobs) == 1


@TWINS
async def test_a_job_that_is_not_over_cannot_be_retried(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)

    with pytest.raises(JobConflict, match="it is queued and not over; wait for its end, or cancel it first") as raised:
        await retry(twin, job)
    assert raised.value.job_id == job.id
    assert len(app.jobs().jobs) == 1


@TWINS
async def test_every_final_job_can_be_retried(app: App, divide: Any, twin: str) -> None:
    done, cancelled = divide.enqueue(1, 2), divide.using(queue="other").enqueue(1, 4)
    cancelled.cancel()
    await app.adrain()

    for job in (done, cancelled):
        assert (await retry(twin, job)).record.retry_of == job.id
    assert await app.adrain() == 2


@TWINS
async def test_a_retry_of_a_retry_names_the_retry(app: App, failed: JobHandle[Any], twin: str) -> None:
    again = await retry(twin, failed)
    await app.adrain(skip_delays=True)

    assert (await retry(twin, again)).record.retry_of == again.id


@TWINS
async def test_a_key_makes_one_job_of_two_retries(app: App, failed: JobHandle[Any], twin: str) -> None:
    first = await retry(twin, failed, key="again")
    second = await retry(twin, failed, key="again")

    assert (first.id, first.created, second.created) == (second.id, True, False)
    assert len(app.jobs().jobs) == 2


@TWINS
async def test_a_key_of_another_call_is_a_conflict(app: App, failed: JobHandle[Any], twin: str) -> None:
    await retry(twin, failed, key="again")

    with pytest.raises(JobConflict, match="'k' and does not repeat job") as raised:
        await retry(twin, failed, key="k")
    assert raised.value.job_id == failed.id
    with pytest.raises(JobConflict, match="with other arguments"):
        await retry(twin, failed, key="again", arguments={"a": 0, "b": 1})
    with pytest.raises(InvalidOption, match="option key="):
        await retry(twin, failed, key="")
    assert len(app.jobs().jobs) == 2


@TWINS
async def test_a_job_past_its_keep_time_cannot_be_retried(
    app: App, clock: FakeClock, failed: JobHandle[Any], twin: str
) -> None:
    clock.advance(3601)
    await app.program.open_store().prune(10)

    with pytest.raises(JobNotFound, match="its keep time is over"):
        await retry(twin, failed)


@TWINS
async def test_a_task_that_is_not_known_here_is_retried_with_plain_json(
    app: App, failed: JobHandle[Any], twin: str
) -> None:
    del app._registry.tasks["divide"]  # noqa: SLF001 - as in a program that does not import the task
    strange = app.job(failed.id)

    same = await retry(twin, strange)
    other = await retry(twin, strange, arguments={"a": "x", "ü": [1, None]})

    assert same.record.args == failed.record.args
    assert other.record.args == '{"a":"x","ü":[1,null]}'.encode()
    with pytest.raises(InvalidArguments, match="no JSON form"):
        await retry(twin, strange, arguments={"a": object()})
    with pytest.raises(InvalidArguments, match="one JSON object"):
        await retry(twin, strange, arguments=[1])
