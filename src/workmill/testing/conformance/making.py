"""Short ways to what nearly every test of the suite needs first."""

import asyncio
import uuid
from datetime import datetime, timedelta

from workmill.store import ClaimRequest, NewWorker, Store, Verdict
from workmill.words.job import Job, NewJob
from workmill.words.outcome import Failure, FailureKind, Outcome, Succeeded
from workmill.words.policy import Policy
from workmill.words.retry import Backoff
from workmill.words.ties import After, Ties
from workmill.words.transition import Transition, decide
from workmill.words.unique import Uniqueness

TASK = "resize"
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=15)
PLAIN = Policy()
PATIENT = Policy(max_attempts=3, backoff=Backoff(first=10 * SECOND, jitter=0))
"""Three attempts; the second comes ten seconds after the first."""

DONE = Succeeded(result=b'"done"')
ERROR = Failure(kind=FailureKind.ERROR, type="ValueError", message="no", traceback="Traceback: no")
DEATH = Failure(kind=FailureKind.INTERRUPTED, type="WorkerDied", message="gone")


def new_job(
    *,
    id: str | None = None,
    task: str = TASK,
    queue: str = "default",
    priority: int = 0,
    args: bytes = b"{}",
    policy: Policy = PLAIN,
    key: str | None = None,
    delay: timedelta | None = None,
    run_at: datetime | None = None,
    retry_of: str | None = None,
    unique: Uniqueness | None = None,
    after: After | None = None,
    ties: Ties | None = None,
) -> NewJob:
    """Make a job that is not stored yet. Ids are random, so that they sort unlike the order of storing."""
    return NewJob(
        id=id or str(uuid.uuid4()),
        task=task,
        queue=queue,
        priority=priority,
        args=args,
        policy=policy,
        key=key,
        delay=delay,
        run_at=run_at,
        retry_of=retry_of,
        unique=unique,
        after=after,
        ties=ties,
    )


def new_jobs(count: int) -> list[NewJob]:
    """Make several plain jobs."""
    return [new_job() for _ in range(count)]


def new_worker(
    *,
    queues: tuple[str, ...] | None = None,
    tasks: tuple[str, ...] = (TASK,),
    lease: timedelta = LEASE,
) -> NewWorker:
    """Make a worker that has no lease yet."""
    return NewWorker(
        id=str(uuid.uuid4()),
        name="mill",
        host="localhost",
        pid=4711,
        queues=queues,
        tasks=tasks,
        concurrency=16,
        lease=lease,
    )


async def hired(store: Store, *, lease: timedelta = LEASE) -> str:
    """Register a worker and return its id."""
    worker = new_worker(lease=lease)
    await store.register(worker)
    return worker.id


def request(
    worker_id: str,
    *,
    limit: int = 1,
    tasks: tuple[str, ...] = (TASK,),
    queues: tuple[str, ...] | None = None,
    engine: int = 0,
) -> ClaimRequest:
    """Ask for jobs under a worker's lease."""
    return ClaimRequest(worker_id=worker_id, engine=engine, queues=queues, tasks=tasks, limit=limit)


async def add(store: Store, new: NewJob) -> Job:
    """Enqueue one job and return it as stored."""
    (enqueued,) = await store.enqueue([new])
    return enqueued.job


async def running(store: Store, new: NewJob | None = None, *, worker_id: str | None = None) -> Job:
    """Enqueue one job and claim it; it must be the one next in line."""
    added = await add(store, new or new_job())
    (job,) = await store.claim(request(worker_id or await hired(store), tasks=(added.task,)))
    assert job.id == added.id
    return job


async def ended(store: Store, outcome: Outcome = DONE, new: NewJob | None = None) -> Job:
    """Enqueue and claim one job, settle it with an outcome, and return it as stored then."""
    job = await running(store, new)
    await settle(store, end(job, outcome))
    return await stored(store, job.id)


def end(job: Job, outcome: Outcome = DONE) -> Transition:
    """Decide what follows an attempt, in the middle of a retry delay's spread."""
    return decide(job, outcome, chance=0.5)


async def settle(store: Store, *transitions: Transition) -> None:
    """Settle what must be applied."""
    settled = await store.settle(transitions)
    assert settled.verdicts == (Verdict.APPLIED,) * len(transitions)


async def verdict(store: Store, transition: Transition) -> Verdict:
    """Settle one transition and return what the store did with it."""
    (one,) = (await store.settle([transition])).verdicts
    return one


async def stored(store: Store, job_id: str) -> Job:
    """Return a job that must be stored."""
    (job,) = await store.get([job_id])
    assert job is not None
    return job


async def claim_all(store: Store, worker_id: str, *, at_a_time: int) -> list[str]:
    """Claim until nothing is left and return the ids, giving way to others between two claims."""
    ids: list[str] = []
    while claimed := await store.claim(request(worker_id, limit=at_a_time)):
        ids += [job.id for job in claimed]
        await asyncio.sleep(0)
    return ids
