"""Taking queued jobs under a lease, and finding those that are held."""

from collections import Counter
from collections.abc import Sequence

from workmill.store import ClaimRequest, NoticeKind
from workmill.stores.sqlite.mending import fail_unreadable_by_seq, readable_or_failed
from workmill.stores.sqlite.moments import moment, moment_or_none
from workmill.stores.sqlite.rows import failure_of, pack, pack_names, progress_of
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, load_policy
from workmill.words.errors import LeaseLost
from workmill.words.job import Job, JobState


def claim(request: ClaimRequest, transaction: Transaction) -> list[Job]:
    """See `Store.claim`."""
    if not is_live(request.worker_id, transaction):
        raise LeaseLost(request.worker_id)
    return take(request, transaction)


def is_live(worker_id: str, transaction: Transaction) -> bool:
    """Whether a worker may hold jobs now."""
    lease_ends_at = transaction.value(statements("claim")["lease"], worker_id)
    return isinstance(lease_ends_at, int) and lease_ends_at > transaction.now


def take(request: ClaimRequest, transaction: Transaction) -> list[Job]:
    """Take jobs for a worker whose lease is live."""
    jobs: list[Job] = []
    while len(jobs) < request.limit:
        rows = next_in_line(request, request.limit - len(jobs), transaction)
        taken, damaged = read(rows, request, transaction.now)
        hand_over(taken, request, transaction)
        jobs += taken.values()
        if not damaged:
            break
        # They have left the line, so what comes after them can be taken in their place.
        fail_unreadable_by_seq(damaged, transaction)
    return jobs


def next_in_line(request: ClaimRequest, limit: int, transaction: Transaction) -> Sequence[Sequence[Json]]:
    """Return the rows of the queued jobs that this worker may take next, in order."""
    sql = statements("claim")
    transaction.flush()
    queues = None if request.queues is None else pack_names(request.queues)
    lanes = transaction.batch(sql["lanes"], pack_names(request.tasks), queues)
    if not lanes:
        return ()
    rows: Sequence[Sequence[Json]]
    if len(lanes) == 1:
        rows = transaction.batch(sql["one_lane"], *lanes[0], limit)
    else:
        rows = transaction.batch(sql["many_lanes"], pack(lanes), limit)
    return rows


def hand_over(taken: dict[int, Job], request: ClaimRequest, transaction: Transaction) -> None:
    """Write that jobs, given by their places in the order, are in the worker's hands now."""
    if not taken:
        return
    transaction.run(statements("claim")["take"], pack(list(taken)), request.worker_id, request.engine, transaction.now)
    for (task, queue), count in Counter((job.task, job.queue) for job in taken.values()).items():
        transaction.count((JobState.QUEUED, task, queue), -count)
        transaction.count((JobState.RUNNING, task, queue), count)
    transaction.tell(NoticeKind.CHANGED, job_ids=[job.id for job in taken.values()])


def read(rows: Sequence[Sequence[Json]], request: ClaimRequest, now: int) -> tuple[dict[int, Job], list[int]]:
    """Return the jobs as they are once taken, by their places in the order, and the places of the unreadable."""
    taken, damaged = {}, []
    for row in rows:
        try:
            taken[row[0]] = claimed(row, request, now)
        except ValueError:
            damaged.append(row[0])
    return taken, damaged


def claimed(row: Sequence[Json], request: ClaimRequest, now: int) -> Job:
    """Return a job in the hands of a worker, from its row while it was queued.

    Raises:
        ValueError: The row cannot be read.
    """
    _, job_id, task, queue, priority, args, policy, key, *rest = row
    attempt, deaths, token, version, progress, failure, created_at, run_at = rest
    return Job(
        id=job_id,
        task=task,
        queue=queue,
        priority=priority,
        state=JobState.RUNNING,
        args=args.encode(),
        policy=load_policy(policy),
        key=key,
        attempt=attempt + 1,
        deaths=deaths,
        token=token + 1,
        version=version + 1,
        progress=progress_of(progress),
        result=None,
        failure=failure_of(failure),
        worker=request.worker_id,
        engine=request.engine,
        created_at=moment(created_at),
        run_at=moment_or_none(run_at),
        started_at=moment(now),
        finished_at=None,
        expires_at=None,
        cancel_requested_at=None,
        cancel_reason=None,
    )


def held(worker_id: str, engine: int | None, transaction: Transaction) -> list[Job]:
    """See `Store.held`."""
    return readable_or_failed(transaction.batch(statements("hold")["held"], worker_id, engine), transaction)


def expired(limit: int, transaction: Transaction) -> list[Job]:
    """See `Store.expired`."""
    return readable_or_failed(transaction.batch(statements("hold")["expired"], transaction.now, limit), transaction)
