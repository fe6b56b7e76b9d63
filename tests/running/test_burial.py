from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.running.fakes import FailingStore, Kept, new_jobs, new_worker
from workmill.running.burial import Burial
from workmill.running.protocol import Pong
from workmill.store import ClaimRequest
from workmill.words.errors import StoreUnavailable
from workmill.words.events import DutyFailed, JobsOverstayed, JobsRescued, StoreFailing
from workmill.words.job import Ending, Job, JobState
from workmill.words.outcome import FailureKind
from workmill.words.policy import Policy

GRACE = timedelta(seconds=5)


class Scene:
    def __init__(self) -> None:
        self.store = FailingStore()
        self.events = Kept()
        self.burial = Burial(self.store, "w1", GRACE, emit=self.events.append)

    async def hold_jobs(self, *policies: Policy) -> list[str]:
        new = [each for number, policy in enumerate(policies) for each in new_jobs(number + 1, policy=policy)[-1:]]
        await self.store.enqueue(new)
        await self.store.register(new_worker(lease=1e6))
        await self.store.claim(ClaimRequest(worker_id="w1", engine=1, queues=None, tasks=("add",), limit=9))
        return [each.id for each in new]

    async def job(self, job_id: str) -> Job:
        (job,) = await self.store.get([job_id])
        assert job is not None
        return job

    async def endings(self, job_id: str) -> list[Ending]:
        return [attempt.ending for attempt in await self.store.attempts(job_id)]


def dead(**changes: Any) -> Any:
    """Return what a burial needs of an engine process that is gone."""
    fields = {
        "number": 1,
        "pid": 1001,
        "how_it_ended": "killed by SIGSEGV",
        "is_dismissed": False,
        "last_stack": "",
        "codes": (("add", "/app/tasks.py", "add"),),
        "pong": Pong(),
    }
    return SimpleNamespace(**{**fields, **changes})


async def test_nobody_knows_whose_fault_a_death_was_and_each_job_counts_one() -> None:
    scene = Scene()
    ids = await scene.hold_jobs(Policy(), Policy())

    await scene.burial.bury(dead())

    for job_id in ids:
        job = await scene.job(job_id)
        assert (job.state, job.deaths) == (JobState.QUEUED, 1)
        assert job.failure is not None
        assert "engine process 1001 of worker w1 died while the job ran: killed by SIGSEGV" in job.failure.message
    (event,) = scene.events
    assert event == JobsRescued(job_ids=tuple(ids), why=event.why)
    assert scene.burial.returned == 0


async def test_the_stack_of_a_death_shows_whose_fault_it_was_and_the_others_go_back_uncounted() -> None:
    scene = Scene()
    (guilty,) = await scene.hold_jobs(Policy())
    await scene.store.enqueue([replace(each, id="other", task="other") for each in new_jobs(1)])
    await scene.store.claim(ClaimRequest(worker_id="w1", engine=1, queues=None, tasks=("other",), limit=9))
    stack = '  File "/app/tasks.py", line 9 in add'

    await scene.burial.bury(dead(last_stack=stack))

    job, other = await scene.job(guilty), await scene.job("other")
    assert (job.deaths, job.failure and job.failure.traceback) == (1, stack)
    assert (other.state, other.deaths, other.attempt) == (JobState.QUEUED, 0, 0)
    assert await scene.endings("other") == [Ending.RETURNED]


async def test_of_a_child_that_had_to_leave_what_overstayed_gets_its_verdict_and_the_others_go_back() -> None:
    scene = Scene()
    late, cancelled, other = await scene.hold_jobs(
        Policy(timeout=timedelta(seconds=10)), Policy(), Policy(timeout=timedelta(seconds=60))
    )
    await scene.store.cancel([cancelled], "enough")
    scene.store.clock.advance(15.5)

    await scene.burial.bury(dead(is_dismissed=True, last_stack="in spin"))

    timed_out = await scene.job(late)
    assert timed_out.failure is not None
    assert (timed_out.state, timed_out.failure.kind, timed_out.failure.traceback, timed_out.deaths) == (
        JobState.FAILED,
        FailureKind.TIMEOUT,
        "in spin",
        0,
    )
    assert (await scene.job(cancelled)).state is JobState.CANCELLED
    assert (await scene.job(other)).attempt == 0
    assert await scene.endings(other) == [Ending.RETURNED]
    (event,) = scene.events
    assert event == JobsOverstayed(job_ids=(late, cancelled), why="their process 1001 was killed")
    assert scene.burial.returned == 1


async def test_a_job_that_kept_the_loop_from_others_that_overstayed_counts_a_death() -> None:
    scene = Scene()
    late, blocking = await scene.hold_jobs(Policy(timeout=timedelta(seconds=1)), Policy())
    scene.store.clock.advance(9)
    pong = Pong(lag_seconds=8.0, job_id=blocking, task="add", stack="in block")

    await scene.burial.bury(dead(is_dismissed=True, pong=pong))

    assert (await scene.job(late)).state is JobState.FAILED
    job = await scene.job(blocking)
    assert job.failure is not None
    assert (job.state, job.deaths, job.failure.traceback) == (JobState.QUEUED, 1, "in block")
    assert "kept the event loop from turning for 8.0 s" in job.failure.message


async def test_a_job_that_kept_the_loop_from_nobody_goes_back_uncounted() -> None:
    scene = Scene()
    (blocking,) = await scene.hold_jobs(Policy())
    pong = Pong(lag_seconds=8.0, job_id=blocking, task="add", stack="in block")

    await scene.burial.bury(dead(is_dismissed=True, pong=pong))

    assert await scene.endings(blocking) == [Ending.RETURNED]


async def test_a_job_cancelled_while_it_is_buried_does_not_run_again() -> None:
    scene = Scene()
    (job_id,) = await scene.hold_jobs(Policy())
    await scene.store.cancel([job_id], None)

    await scene.burial.bury(dead(is_dismissed=True))

    assert (await scene.job(job_id)).state is JobState.CANCELLED


async def test_a_store_that_fails_is_asked_again() -> None:
    scene = Scene()
    (job_id,) = await scene.hold_jobs(Policy())
    scene.store.failures["settle"] = [StoreUnavailable("away")]

    await scene.burial.bury(dead())

    assert (await scene.job(job_id)).deaths == 1
    assert len(scene.events.of(StoreFailing)) == 1


async def test_a_job_that_cannot_be_settled_is_said() -> None:
    scene = Scene()
    (job_id,) = await scene.hold_jobs(Policy())
    scene.store.failures["settle"] = [KeyError("bad"), KeyError("bad")]

    await scene.burial.bury(dead())

    (event,) = scene.events.of(DutyFailed)
    assert job_id in event.error
