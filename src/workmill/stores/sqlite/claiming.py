"""Taking queued jobs under a lease, and finding those that are held."""

from collections import Counter
from collections.abc import Sequence

from workmill.store import ClaimRequest, NoticeKind
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.mending import fail_unreadable_by_seq, readable_or_failed
from workmill.stores.sqlite.moments import moment, moment_or_none
from workmill.stores.sqlite.reading import rows_at
from workmill.stores.sqlite.rows import JobDraft, failure_of, pack, pack_names, progress_of, ties_of
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, load_policy
from workmill.words.errors import LeaseLost
from workmill.words.job import Job, JobState


def claim(request: ClaimRequest, transaction: Transaction) -> list[Job]:
    """See `Store.claim`."""
    jobs = take(request, transaction)
    if jobs is None:
        raise LeaseLost(request.worker_id)
    return jobs


def take(request: ClaimRequest, transaction: Transaction) -> list[Job] | None:
    """Take jobs for a worker; None when its lease is not live."""
    jobs: list[Job] = []
    while True:
        lease_ends_at, lanes = open_lanes(request, transaction)
        if lease_ends_at is None or lease_ends_at <= transaction.now:
            return None
        rows = next_in_line(lanes, request.limit - len(jobs), transaction)
        taken, damaged = read(rows, request, transaction.now)
        hand_over(taken, request, transaction)
        jobs += taken.values()
        if not damaged:
            return jobs
        # They leave the line, so that what comes after them can be taken in their place.
        fail_unreadable_by_seq(damaged, transaction)


def open_lanes(request: ClaimRequest, transaction: Transaction) -> tuple[int | None, list[tuple[str, str]]]:
    """Return until when the worker's lease lasts and the lanes, task and queue, with anything for it."""
    transaction.flush_queued()
    queues = None if request.queues is None else pack_names(request.queues)
    tasks = pack_names(request.tasks)
    lease_ends_at, lanes = transaction.batch(statements("claim")["lanes"], request.worker_id, tasks, queues)
    return lease_ends_at, lanes


def next_in_line(lanes: list[tuple[str, str]], limit: int, transaction: Transaction) -> Sequence[Sequence[Json]]:
    """Return the rows of up to `limit` queued jobs of some lanes, in order."""
    if not lanes or limit <= 0:
        return ()
    sql = statements("claim")
    rows: Sequence[Sequence[Json]]
    try:
        if len(lanes) == 1:
            rows = transaction.batch(sql["one_lane"], *lanes[0], limit)
        else:
            rows = transaction.batch(sql["places"], pack(first_places(lanes, limit, transaction)))
    except Exception as error:
        if code_of(error) is not Code.TOOBIG or limit == 1:
            raise
        # More than SQLite hands over at once, a gigabyte: fewer will do.
        return next_in_line(lanes, limit // 2, transaction)
    return rows


def first_places(lanes: list[tuple[str, str]], limit: int, transaction: Transaction) -> list[int]:
    """Return the places of up to `limit` queued jobs that come first over all of some lanes.

    Of each lane as many are looked at as would come from it if all had the same; more only where that was too few.
    """
    share, named = limit // len(lanes) + 1, pack(lanes)
    while True:
        lines = transaction.batch(statements("claim")["heads"], named, share)
        first = sorted(head for line in lines for head in line)[:limit]
        # Behind the end of a line that goes on, others of that line may come before.
        edge = min((line[-1] for line in lines if len(line) == share), default=None)
        if edge is None or share >= limit or (len(first) == limit and first[-1] <= edge):
            return [place for _, place in first]
        share = min(4 * share, limit)


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
    _, job_id, task, queue, priority, args, policy, key, attempt, deaths, token, version, *rest = row
    progress, failure, created_at, run_at, retry_of, ties = rest
    job: Job = JobDraft(
        job_id,
        task,
        queue,
        priority,
        JobState.RUNNING,
        args.encode(),
        load_policy(policy),
        key,
        attempt + 1,
        deaths,
        token + 1,
        version + 1,
        progress_of(progress),
        None,  # result
        failure_of(failure),
        request.worker_id,
        request.engine,
        moment(created_at),
        moment_or_none(run_at),
        moment(now),
        *(None, None, None, None, False),  # finished, expires, cancel requested, its reason, forced
        retry_of,
        ties_of(ties),
    )
    job.__class__ = Job
    return job


def held(worker_id: str, engine: int | None, transaction: Transaction) -> list[Job]:
    """See `Store.held`."""
    places = transaction.batch(statements("hold")["held"], worker_id, engine)
    return readable_or_failed(rows_at(places, transaction), transaction)


def expired(limit: int, transaction: Transaction) -> list[Job]:
    """See `Store.expired`."""
    places = transaction.batch(statements("hold")["expired"], transaction.now, max(limit, 0))
    return readable_or_failed(rows_at(places, transaction), transaction)
