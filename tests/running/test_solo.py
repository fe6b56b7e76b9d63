"""Real solo processes: what runs in them, how it is made to end, and what is said of it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.running.solos import mill, word
from workmill import FailureKind, Job, JobState
from workmill.running.command import Target
from workmill.running.solo.pool import SoloFailure
from workmill.words.job import Ending

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")]

STUCK = ("spinning", "spinning_awaited", "sleeping", "locking", "matching", "deaf", "starting")
"""What does not end when it is asked to."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a task leaves word for the test."""
    return tmp_path / "word"


def said(job: Job) -> str:
    assert job.failure is not None
    return job.failure.message


async def test_functions_of_both_kinds_run_and_their_results_come_back() -> None:
    async with mill() as it:
        jobs = [await it.outcome_of(*call) for call in (("add", 1, 2), ("nothing",), ("nothing_awaited",))]

        assert [job.result for job in jobs] == [b"3", b"null", b"null"]


async def test_a_process_is_kept_for_the_next_job_and_is_not_this_one() -> None:
    async with mill() as it:
        first, second = [(await it.outcome_of("own_process")).result for _ in range(2)]

        assert first == second
        assert int(first or b"0") != os.getpid()


async def test_there_are_as_many_processes_as_jobs_at_a_time_and_no_more(tmp_path: Path) -> None:
    async with mill(most=2) as it:
        ids = [await it.enqueue("heedful", str(tmp_path / str(number))) for number in range(3)]
        pids = {(await word(tmp_path / str(number)))[0] for number in range(2)}

        await it.store.cancel(ids[:1], None)
        third = (await word(tmp_path / "2"))[0]

        assert len(pids) == 2
        assert third in pids
        assert len(it.pids) == 2


async def test_what_the_task_raises_is_the_failure() -> None:
    async with mill() as it:
        job = await it.outcome_of("failing")

    assert job.failure is not None
    assert (job.failure.kind, job.failure.type, job.failure.message) == (
        FailureKind.ERROR,
        "ValueError",
        "no such luck",
    )
    assert "solo_tasks.py" in job.failure.traceback
    assert "turns.py" not in job.failure.traceback


async def test_a_task_knows_its_job() -> None:
    async with mill() as it:
        job = await it.outcome_of("facts", queue="mail")

    assert job.result == f'["{job.id}","facts","mail",1]'.encode()


@pytest.mark.parametrize(
    ("task", "result"),
    [("looping", b"5"), ("handling_signals", b"true"), ("signals_as_usual", b"[true,true,true]")],
)
async def test_a_plain_function_is_as_free_as_in_a_program_of_its_own(task: str, result: bytes) -> None:
    async with mill() as it:
        job = await it.outcome_of(task)

    assert job.result == result


async def test_a_task_may_enqueue_in_the_blocking_way(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKMILL_URL", url)
    async with mill() as it:
        job = await it.outcome_of("enqueueing")

    assert job.state is JobState.SUCCEEDED


async def test_progress_comes_through_while_the_job_runs(file: Path) -> None:
    async with mill() as it:
        job_id = await it.enqueue("telling", str(file))
        await word(file)

        async with asyncio.timeout(20):
            while (progress := (await it.job(job_id)).progress) is None or progress.current < 999:  # noqa: ASYNC110 - nothing tells of progress
                await asyncio.sleep(0.01)

        assert (progress.total, progress.message) == (1000, "counting")


@pytest.mark.parametrize("task", ["forking", "forking_awaited"])
async def test_a_forked_copy_that_returns_does_not_speak_for_the_job(task: str) -> None:
    async with mill(most=1) as it:
        jobs = [await it.outcome_of(task) for _ in range(3)]

        assert [job.result for job in jobs] == [b'"original"'] * 3
        assert len(it.pids) == 1


@pytest.mark.parametrize("task", STUCK)
async def test_a_time_limit_ends_what_does_not_heed_it_and_keeps_the_stack(task: str, file: Path) -> None:
    async with mill(most=2) as it:
        neighbour = await it.enqueue("heedful", f"{file}.neighbour")
        await word(Path(f"{file}.neighbour"))
        job = await it.outcome_of(task, str(file), timeout=0.3)
        mine = [int(pid) for pid in await word(file)]

        assert job.failure is not None
        assert (job.state, job.failure.kind, job.deaths) == (JobState.FAILED, FailureKind.TIMEOUT, 0)
        ended_by = "SIGKILL" if task == "deaf" else "SIGTERM"
        assert f"longer than its limit of 0.3 s; asked to end, its process was killed by {ended_by}" in said(job)
        assert "solo_tasks.py" in job.failure.traceback
        assert task in job.failure.traceback
        await it.until_gone(*mine)
        assert (await it.job(neighbour)).state is JobState.RUNNING
        assert (await it.outcome_of("add", 2, 3)).result == b"5"


@pytest.mark.parametrize("task", STUCK)
async def test_a_cancel_ends_what_does_not_heed_it(task: str, file: Path) -> None:
    async with mill(most=2) as it:
        neighbour = await it.enqueue("heedful", f"{file}.neighbour")
        job_id = await it.enqueue(task, str(file))
        mine = [int(pid) for pid in await word(file)]

        await it.store.cancel([job_id], "enough")
        job = await it.end_of(job_id)

        assert (job.state, job.cancel_reason, job.deaths) == (JobState.CANCELLED, "enough", 0)
        await it.until_gone(*mine)
        assert (await it.job(neighbour)).state is JobState.RUNNING
        assert (await it.outcome_of("add", 2, 3)).result == b"5"


@pytest.mark.parametrize("is_asked_before", [False, True])
async def test_a_forced_cancel_waits_for_no_grace(file: Path, *, is_asked_before: bool) -> None:
    async with mill(most=1) as it:
        job_id = await it.enqueue("sleeping_long", str(file))
        (pid,) = await word(file)
        if is_asked_before:
            await it.store.cancel([job_id], "enough")

        await it.store.cancel([job_id], "enough", force=True)

        assert (await it.end_of(job_id)).state is JobState.CANCELLED
        await it.until_gone(int(pid))


@pytest.mark.parametrize("task", ["heedful", "awaiting"])
async def test_what_heeds_a_cancel_keeps_its_process(task: str, file: Path) -> None:
    async with mill(most=1) as it:
        job_id = await it.enqueue(task, str(file))
        (pid,) = await word(file)

        await it.store.cancel([job_id], None)

        assert (await it.end_of(job_id)).state is JobState.CANCELLED
        assert (await it.outcome_of("own_process")).result == pid.encode()


@pytest.mark.parametrize("task", ["heedful", "awaiting"])
async def test_what_heeds_its_time_limit_failed_by_it(task: str, file: Path) -> None:
    async with mill(most=1) as it:
        job = await it.outcome_of(task, str(file), timeout=0.2)

        assert job.failure is not None
        assert job.failure.kind is FailureKind.TIMEOUT
        assert "limit of 0.2 s; asked to end, it ended after 0." in said(job)
        assert (await it.outcome_of("own_process")).result == (await word(file))[0].encode()


async def test_a_task_may_tidy_up_at_sigterm_and_its_process_runs_no_other_job(file: Path) -> None:
    async with mill(most=1) as it:
        job = await it.outcome_of("tidy", str(file), timeout=0.2)

        assert "it ended at SIGTERM" in said(job)
        assert await word(Path(f"{file}.tidied")) == ["tidied"]
        assert (await it.outcome_of("own_process")).result != (await word(file))[0].encode()


@pytest.mark.parametrize("task", ["hoarding", "hoarding_in_a_child"])
async def test_past_its_memory_limit_a_process_is_killed_each_time(task: str, file: Path) -> None:
    async with mill(most=1) as it:
        job = await it.outcome_of(task, str(file))

        assert job.failure is not None
        assert (job.state, job.failure.kind, job.deaths) == (JobState.FAILED, FailureKind.OUT_OF_MEMORY, 3)
        assert "of memory, its limit is 200 MB; its process had" in said(job)
        assert task in job.failure.traceback
        assert (await it.outcome_of("add", 2, 3)).result == b"5"


@pytest.mark.parametrize(
    ("task", "how", "stack"),
    [
        ("faulting", "killed by SIGSEGV", "in faulting"),
        ("exiting", "ended by itself with exit code 7", "in exiting"),
        ("closing_the_line", "killed by SIGKILL", ""),
        ("babbling", "killed by SIGKILL", ""),
    ],
)
async def test_a_job_that_ends_its_process_is_put_aside_after_three_deaths(task: str, how: str, stack: str) -> None:
    async with mill(most=1) as it:
        job = await it.outcome_of(task)

        assert job.failure is not None
        assert (job.state, job.failure.kind, job.deaths) == (JobState.FAILED, FailureKind.KILLED, 3)
        assert f"the process of the attempt was {how}; its process had" in said(job)
        assert stack in job.failure.traceback
        assert [each.ending for each in await it.attempts(job.id)] == [Ending.INTERRUPTED] * 3
        assert (await it.outcome_of("add", 2, 3)).result == b"5"


async def test_a_job_whose_process_was_killed_runs_again_at_once() -> None:
    async with mill(most=1) as it:
        job = await it.outcome_of("dying_once")

    assert (job.state, job.result, job.deaths) == (JobState.SUCCEEDED, b"2", 1)


async def test_a_stop_gives_back_what_does_not_end_and_leaves_no_process(file: Path) -> None:
    async with mill(most=1) as it:
        job_id = await it.enqueue("starting", str(file))
        mine = [int(pid) for pid in await word(file)]

        await it.engine.stop(grace=0.05)

        await it.until_gone(*mine)
        assert it.engine.given_back == 1
    assert (await it.job(job_id)).state is JobState.QUEUED


async def test_without_any_process_the_engine_fails_and_gives_its_jobs_back(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("from nowhere import app\n")
    broken = Target(name="broken:app", folder=tmp_path)
    async with mill(most=1, target=broken) as it:
        job_id = await it.enqueue("add", 1, 2)

        with pytest.raises(ExceptionGroup) as raised:
            await asyncio.shield(it.running)

        assert raised.group_contains(SoloFailure, match="ended by itself with exit code 3")
        assert (await it.job(job_id)).state is JobState.QUEUED


async def test_a_warm_process_that_dies_is_replaced() -> None:
    async with mill(most=1) as it:
        first = (await it.outcome_of("own_process")).result or b""

        os.kill(int(first), signal.SIGKILL)
        await it.until_gone(int(first))

        assert (await it.outcome_of("own_process")).result != first
