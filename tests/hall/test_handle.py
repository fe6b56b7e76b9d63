"""A job in the caller's hand: waiting for it, its result, its cancel, its attempts."""

import asyncio
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from workmill import (
    App,
    Cancel,
    Ending,
    InvalidOption,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobHandle,
    JobNotFound,
    JobState,
    Retry,
    Snooze,
    WaitTimeout,
)
from workmill.testing import FakeClock

LONGEST_SECONDS = 10.0
TWINS = pytest.mark.parametrize("twin", ["blocking", "awaited"])


async def do(twin: str, handle: JobHandle[Any], verb: str, *args: Any, **kwargs: Any) -> Any:
    """Call a verb of a handle, or await its twin."""
    if twin == "awaited":
        return await getattr(handle, f"a{verb}")(*args, **kwargs)
    return await asyncio.to_thread(getattr(handle, verb), *args, **kwargs)


@pytest.fixture
def divide(app: App) -> Any:
    @app.task
    def divide(a: float, b: float) -> float:
        return a / b

    return divide


@TWINS
async def test_a_result_comes_as_the_return_type(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    await app.adrain()

    assert await do(twin, job, "result", timeout=0) == 0.5
    assert (job.state, job.done) == (JobState.SUCCEEDED, True)


@TWINS
async def test_a_result_is_waited_for(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    waiting = asyncio.create_task(do(twin, job, "result", LONGEST_SECONDS))

    await app.adrain()

    assert await waiting == 0.5


@TWINS
async def test_many_may_wait_for_one_job(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    waiting = asyncio.gather(*(do(twin, app.job(job.id), "result") for _ in range(5)))

    await app.adrain()

    assert await waiting == [0.5] * 5


@TWINS
async def test_a_failed_job_raises_its_failure(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 0)
    await app.adrain()

    with pytest.raises(JobFailed, match=f"job {job.id} failed: ZeroDivisionError: ") as raised:
        await do(twin, job, "result", timeout=0)

    assert raised.value.failure == job.record.failure
    assert "in divide" in raised.value.failure.traceback


@TWINS
async def test_a_cancelled_job_raises_its_reason(divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    await do(twin, job, "cancel", "not needed")

    with pytest.raises(JobCancelled, match="was cancelled: not needed") as raised:
        await do(twin, job, "result", timeout=0)

    assert isinstance(raised.value, JobFailed)
    assert (raised.value.reason, raised.value.failure) == ("not needed", None)


@TWINS
@pytest.mark.parametrize("timeout", [0, 0.01, -1])
async def test_a_job_that_is_not_done_in_time_goes_on(app: App, divide: Any, twin: str, timeout: float) -> None:
    job = divide.enqueue(1, 2)

    with pytest.raises(WaitTimeout, match=f"job {job.id} is still queued after") as raised:
        await do(twin, job, "result", timeout=timeout)

    assert (raised.value.job_id, raised.value.state, raised.value.seconds) == (job.id, "queued", timeout)
    assert await app.adrain() == 1


@TWINS
async def test_a_wait_longer_than_any_is_a_wait(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    waiting = asyncio.gather(do(twin, job, "result", math.inf), do(twin, app.job(job.id), "refresh", math.inf))

    await app.adrain()

    assert (await waiting)[0] == 0.5


def test_a_wait_without_end_is_made_of_shorter_ones(app: App, divide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmill.craft.handle.LONG_WAIT_SECONDS", 0.001)
    refresh, waits, have_waited = JobHandle.refresh, list[str](), threading.Event()

    def counted(handle: JobHandle[Any], wait: float = 0.0) -> JobHandle[Any]:
        waits.append(threading.current_thread().name)
        if len(waits) > 10 and len(set(waits)) == 2:
            have_waited.set()
        return refresh(handle, wait)

    monkeypatch.setattr(JobHandle, "refresh", counted)
    job = divide.enqueue(1, 2)

    with ThreadPoolExecutor() as pool:
        endless, long = pool.submit(job.result), pool.submit(app.job(job.id).result, LONGEST_SECONDS)
        assert have_waited.wait(LONGEST_SECONDS)
        app.drain()

        assert (endless.result(LONGEST_SECONDS), long.result(LONGEST_SECONDS)) == (0.5, 0.5)


@TWINS
async def test_refresh_reads_the_record_again(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    await app.adrain()
    assert job.state is JobState.QUEUED

    assert await do(twin, job, "refresh") is job
    assert job.state is JobState.SUCCEEDED


@TWINS
async def test_refresh_waits_until_the_version_differs(app: App, twin: str) -> None:
    begun = threading.Event()

    @app.task
    def slow() -> None:
        begun.wait(LONGEST_SECONDS)

    job = slow.enqueue()
    before = job.record.version
    draining = asyncio.create_task(app.adrain())

    await do(twin, job, "refresh", LONGEST_SECONDS, since=before)

    assert job.record.version > before
    begun.set()
    assert await draining == 1


@TWINS
async def test_refresh_with_another_version_returns_at_once(divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)

    async with asyncio.timeout(LONGEST_SECONDS / 2):
        await do(twin, job, "refresh", LONGEST_SECONDS, since=job.record.version - 1)


@TWINS
@pytest.mark.parametrize("wait", [-1, math.nan])
async def test_a_wait_that_is_none_is_refused(divide: Any, twin: str, wait: float) -> None:
    with pytest.raises(InvalidOption, match="option wait="):
        await do(twin, divide.enqueue(1, 2), "refresh", wait)


@TWINS
async def test_to_cancel_again_changes_nothing(divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    first = (await do(twin, job, "cancel", "first")).record

    second = (await do(twin, job, "cancel", "second")).record

    assert first == second
    assert (second.state, second.cancel_reason) == (JobState.CANCELLED, "first")


@TWINS
async def test_what_has_ended_otherwise_cannot_be_cancelled(app: App, divide: Any, twin: str) -> None:
    job = divide.enqueue(1, 2)
    await app.adrain()

    with pytest.raises(JobConflict, match="has succeeded already and cannot be cancelled") as raised:
        await do(twin, job, "cancel")
    assert raised.value.job_id == job.id


@pytest.mark.parametrize("reason", ["x" * 1001, "\ud800", "a\0b", 3])
def test_a_reason_that_cannot_be_kept_is_refused(divide: Any, reason: Any) -> None:
    job = divide.enqueue(1, 2)

    with pytest.raises(InvalidOption, match="option reason="):
        job.cancel(reason)
    assert job.refresh().state is JobState.QUEUED


@TWINS
async def test_attempts_tell_how_each_run_ended(app: App, clock: FakeClock, twin: str) -> None:
    ends = iter([Snooze(0), OSError("no route"), Retry(after=0), Cancel("enough")])

    @app.task(retry=Retry(5))
    def restless() -> None:
        raise next(ends)

    job = restless.enqueue()
    for _ in range(4):
        await app.adrain(skip_delays=True)
        clock.advance(1)

    attempts = await do(twin, job, "attempts")

    assert [attempt.ending for attempt in attempts] == [
        Ending.SNOOZED,
        Ending.FAILED,
        Ending.FAILED,
        Ending.CANCELLED,
    ]
    assert [attempt.number for attempt in attempts] == [1, 1, 2, 3]
    assert [attempt.failure.type for attempt in attempts if attempt.failure] == ["OSError", "Retry"]
    assert job.refresh().state is JobState.CANCELLED


@TWINS
async def test_a_job_past_its_keep_time_is_not_found(app: App, clock: FakeClock, twin: str) -> None:
    @app.task(keep=60)
    def forgettable() -> None: ...

    job = forgettable.enqueue()
    await app.adrain()
    clock.advance(61)
    store = app.program.open_store()
    await store.prune(10)

    for verb in ("result", "refresh", "cancel", "attempts"):
        with pytest.raises(JobNotFound, match="its keep time is over"):
            await do(twin, job, verb)


def test_a_handle_says_what_it_is(divide: Any) -> None:
    job = divide.enqueue(1, 2)

    assert repr(job) == f"<JobHandle {job.id} divide queued>"
    assert job.document()["id"] == job.id
    with pytest.raises(AttributeError):
        job.sate = "typo"
