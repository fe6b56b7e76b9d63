"""Storing new jobs, once each."""

from collections import Counter
from collections.abc import Sequence

import apsw

from workmill.store import Enqueued, NoticeKind
from workmill.stores.sqlite.moments import later, moment, ticks
from workmill.stores.sqlite.rows import pack, readable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, dump_policy
from workmill.words.errors import InvalidOption, JobConflict
from workmill.words.job import Job, JobState, NewJob

SMALLEST, LARGEST = -(2**63), 2**63 - 1


def enqueue(jobs: Sequence[NewJob], transaction: Transaction) -> list[Enqueued]:
    """See `Store.enqueue`."""
    fresh = [born(new, transaction.now) for new in jobs]
    if not fresh:
        return []
    try:
        # One statement, whole or not at all: it fails where an id or a key is stored already, which is rare.
        insert(fresh, transaction)
    except apsw.ConstraintError:
        return enqueue_beside_known(fresh, transaction)
    return [Enqueued(job=job, created=True) for job in fresh]


def enqueue_beside_known(fresh: Sequence[Job], transaction: Transaction) -> list[Enqueued]:
    """Store those of the jobs that are not known by their id or key, and answer the known as they are stored."""
    sql = statements("enqueue")
    ids = pack([job.id for job in fresh])
    keys = pack([(job.task, job.key) for job in fresh if job.key is not None])
    by_id = {job.id: job for job in readable(transaction.batch(sql["same_id"], ids))}
    by_key = {(job.task, job.key): job for job in readable(transaction.batch(sql["same_key"], keys))}
    answers = [answer(job, by_id, by_key) for job in fresh]
    insert([each.job for each in answers if each.created], transaction)
    return answers


def answer(job: Job, by_id: dict[str, Job], by_key: dict[tuple[str, str | None], Job]) -> Enqueued:
    """Return the known job where there is one; a new one is known from here on.

    Raises:
        JobConflict: The key is known with other arguments.
    """
    known = by_id.get(job.id)
    if known is None and job.key is not None:
        known = by_key.get((job.task, job.key))
        if known is not None and known.args != job.args:
            raise JobConflict(known.id, f"has the key {job.key!r} of task {job.task!r} with other arguments")
    if known is not None:
        return Enqueued(job=known, created=False)
    by_id[job.id] = by_key[job.task, job.key] = job
    return Enqueued(job=job, created=True)


def insert(jobs: Sequence[Job], transaction: Transaction) -> None:
    """Store jobs in their order, count them and tell of them.

    Raises:
        apsw.ConstraintError: An id or a key is stored already, or a value fits no column. None was stored.
    """
    if not jobs:
        return
    transaction.run(statements("enqueue")["insert"], pack([row_of(job) for job in jobs]), transaction.now)
    for lane, count in Counter((job.state, job.task, job.queue) for job in jobs).items():
        transaction.count(lane, count)
        if lane[0] is JobState.QUEUED:
            transaction.tell(NoticeKind.QUEUED, queue=lane[2])
        else:
            transaction.tell(NoticeKind.SCHEDULED)
    transaction.tell(NoticeKind.CHANGED, job_ids=[job.id for job in jobs])


def row_of(job: Job) -> list[Json]:
    """Return a new job's values in the order of the inserting statement."""
    return [
        job.id,
        job.task,
        job.queue,
        job.priority,
        job.state,
        text_of(job.args),
        dump_policy(job.policy),
        job.key,
        None if job.run_at is None else ticks(job.run_at),
    ]


def text_of(args: bytes) -> str:
    """Return arguments as text.

    Raises:
        InvalidOption: They are no UTF-8.
    """
    try:
        return args.decode()
    except UnicodeDecodeError as error:
        raise InvalidOption("args", args[:80], "give JSON in UTF-8") from error


def born(new: NewJob, now: int) -> Job:
    """Return a new job as it begins.

    Raises:
        InvalidOption: Its priority does not fit the file's integers.
    """
    if not SMALLEST <= new.priority <= LARGEST:
        raise InvalidOption("priority", new.priority, "give an integer of at most 64 bits")
    run_at = moment(later(now, new.delay)) if new.delay else new.run_at
    created_at = moment(now)
    return Job(
        id=new.id,
        task=new.task,
        queue=new.queue,
        priority=new.priority,
        state=JobState.QUEUED if run_at is None or run_at <= created_at else JobState.SCHEDULED,
        args=new.args,
        policy=new.policy,
        key=new.key,
        attempt=0,
        deaths=0,
        token=0,
        version=1,
        progress=None,
        result=None,
        failure=None,
        worker=None,
        engine=None,
        created_at=created_at,
        run_at=run_at,
        started_at=None,
        finished_at=None,
        expires_at=None,
        cancel_requested_at=None,
        cancel_reason=None,
    )
