"""Taking queued jobs under a lease, and finding those that are held."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from typing import NamedTuple

from workmill.store import ClaimRequest, NoticeKind
from workmill.stores.sqlite.expiring import expire, is_late
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.mending import fail_unreadable_by_seq, readable_or_failed
from workmill.stores.sqlite.passing import Choice, choose, conclude
from workmill.stores.sqlite.reading import rows_at
from workmill.stores.sqlite.rows import pack, pack_names
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, load_policy
from workmill.words.draft import JobDraft, failure_of, progress_of
from workmill.words.errors import LeaseLost
from workmill.words.job import Job, JobState
from workmill.words.ticks import moment, moment_or_none
from workmill.words.ties_codec import load_ties


class Reading(NamedTuple):
    """What was read of the next in line.

    Attributes:
        taken: The jobs as they are once taken, by their places in the order.
        timed: The places of those that had to begin in time.
        damaged: The places of those that cannot be read. They leave the line as those do that are late.
        late: The places of those that may not begin any more.
    """

    taken: dict[int, Job]
    timed: list[int]
    damaged: list[int]
    late: list[int]


def claim(request: ClaimRequest, transaction: Transaction) -> list[Job]:
    """See `Store.claim`."""
    jobs = take(request, transaction)
    if jobs is None:
        raise LeaseLost(request.worker_id)
    return jobs


def take(request: ClaimRequest, transaction: Transaction) -> list[Job] | None:
    """Take jobs for a worker; None when its lease is not live."""
    jobs: dict[int, Job] = {}
    for turn in count():
        lease_ends_at, lanes, is_ruled = open_lanes(request, transaction)
        if lease_ends_at is None or lease_ends_at <= transaction.now:
            return None
        limit = request.limit - len(jobs)
        choice = choose(lanes, limit, turn, transaction) if is_ruled else None
        rows = next_in_line(lanes, limit, transaction) if choice is None else rows_chosen(choice, transaction)
        reading = read(rows, request, transaction.now)
        hand_over(reading, request, transaction)
        jobs |= reading.taken
        if choice is not None:
            conclude(choice, reading.taken, transaction)
        if not reading.damaged and not reading.late and (choice is None or choice.is_over):
            break
        # They leave the line, so that what comes after them can be taken in their place.
        fail_unreadable_by_seq(reading.damaged, transaction)
        expire(reading.late, transaction)
    return in_order(jobs) if turn else list(jobs.values())


def open_lanes(request: ClaimRequest, transaction: Transaction) -> tuple[int | None, list[tuple[str, str]], int]:
    """Return until when the worker's lease lasts, the lanes with anything for it, and whether there are rules to heed.

    A lane is a task and a queue.
    """
    transaction.flush_queued()
    queues = None if request.queues is None else pack_names(request.queues)
    sql, tasks = statements("claim")["lanes"], pack_names(request.tasks)
    lease_ends_at, lanes, is_ruled = transaction.batch(sql, request.worker_id, tasks, queues, transaction.now)
    return lease_ends_at, lanes, is_ruled


def in_order(jobs: Mapping[int, Job]) -> list[Job]:
    """Return jobs that were taken in several turns in the order of claims."""
    return [jobs[place] for place in sorted(jobs, key=lambda place: (-jobs[place].priority, place))]


def rows_chosen(choice: Choice, transaction: Transaction) -> Sequence[Sequence[Json]]:
    """Return the rows of the jobs that were chosen, or of as many of the first as SQLite hands over at once."""
    places = list(choice.taken)
    while places:
        try:
            rows: Sequence[Sequence[Json]] = transaction.batch(statements("claim")["places"], pack(places))
        except Exception as error:
            if code_of(error) is not Code.TOOBIG or len(places) == 1:
                raise
            places = places[: len(places) // 2]
            choice.is_over = True
        else:
            return rows
    return ()


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


def hand_over(reading: Reading, request: ClaimRequest, transaction: Transaction) -> None:
    """Write that jobs, given by their places in the order, are in the worker's hands now."""
    taken = reading.taken
    if not taken:
        return
    transaction.run(statements("claim")["take"], pack(list(taken)), request.worker_id, request.engine, transaction.now)
    for (task, queue), number in Counter((job.task, job.queue) for job in taken.values()).items():
        transaction.count((JobState.QUEUED, task, queue), -number)
        transaction.count((JobState.RUNNING, task, queue), number)
    transaction.tell(NoticeKind.CHANGED, job_ids=[job.id for job in taken.values()])
    if reading.timed:
        transaction.run(statements("claim")["in_time"], pack(reading.timed))


def read(rows: Sequence[Sequence[Json]], request: ClaimRequest, now: int) -> Reading:
    """Read the next in line."""
    reading = Reading({}, [], [], [])
    for row in rows:
        try:
            job = claimed(row, request, now)
        except ValueError:
            reading.damaged.append(row[0])
            continue
        if job.policy.expires is None:
            reading.taken[row[0]] = job
        elif is_late(job, now):
            reading.late.append(row[0])
        else:
            reading.taken[row[0]] = job
            reading.timed.append(row[0])
    return reading


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
        None if ties is None else load_ties(ties),
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
