"""Storing new jobs, once each."""

from collections import Counter
from collections.abc import Sequence

from workmill.store import Enqueued, NoticeKind
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.bounds import check
from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.finding import block
from workmill.stores.sqlite.rows import job_of, pack, text_of, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say
from workmill.stores.sqlite.transaction import LARGEST, Transaction
from workmill.words.codec import Json, dump_failure, dump_policy
from workmill.words.draft import born
from workmill.words.errors import InvalidOption, JobConflict
from workmill.words.job import Job, JobState, NewJob
from workmill.words.ticks import later, ticks
from workmill.words.ties_codec import dump_ties

Known = dict[str, Job]
Rows = Sequence[Sequence[Json]]
KnownKeys = dict[tuple[str, str | None], Job]


def enqueue(jobs: Sequence[NewJob], transaction: Transaction) -> list[Enqueued]:
    """See `Store.enqueue`."""
    fresh = [begun(new, transaction.now) for new in jobs]
    try:
        # Whole or not at all: it fails where an id or a key is stored already, which is rare.
        insert(fresh, transaction)
    except UnicodeEncodeError as error:
        raise unstorable(fresh) from error
    except Exception as error:
        if code_of(error) is not Code.CONSTRAINT:
            raise
        return enqueue_beside_known(fresh, transaction)
    return [Enqueued(job=job, created=True) for job in fresh]


def enqueue_beside_known(fresh: Sequence[Job], transaction: Transaction) -> list[Enqueued]:
    """Store those of the jobs that are not known by their id or key, and answer the known as they are stored."""
    sql = statements("enqueue")
    ids = transaction.batch(sql["same_id"], pack(ids_of(fresh)))
    keys = transaction.batch(sql["same_key"], pack(keys_of(fresh)))
    answers = answer_each(fresh, ids, keys)
    insert(created_of(answers), transaction)
    return answers


def ids_of(fresh: Sequence[Job]) -> list[str]:
    """Return the ids to look up."""
    return [job.id for job in fresh]


def keys_of(fresh: Sequence[Job]) -> list[tuple[str, str]]:
    """Return the keys to look up, each with its task."""
    return [(job.task, job.key) for job in fresh if job.key is not None]


def created_of(answers: Sequence[Enqueued]) -> list[Job]:
    """Return the jobs that are not stored yet."""
    return [each.job for each in answers if each.created]


def answer_each(fresh: Sequence[Job], ids: Rows, keys: Rows) -> list[Enqueued]:
    """Return each job or, where one is known, that; from the rows that were found by the ids and by the keys.

    Raises:
        JobConflict: A key is known with other arguments, or a known job cannot be read.
    """
    by_id = {row[1]: known(row) for row in ids}
    by_key = {(row[2], row[8]): known(row) for row in keys}
    return [answer(job, by_id, by_key) for job in fresh]


def unstorable(fresh: Sequence[Job]) -> InvalidOption:
    """Return the error that names the text which has no UTF-8 form, because it holds lone surrogates."""
    name, text = next(each for job in fresh for each in texts_of(job) if writable(each[1]) != each[1])
    return InvalidOption(name, text, "give text without lone surrogates")


def texts_of(job: Job) -> list[tuple[str, str]]:
    """Return the names of the texts that a new job may bear, with the texts."""
    return [(name, getattr(job, name) or "") for name in ("id", "task", "queue", "key", "retry_of")]


def known(row: Sequence[Json]) -> Job:
    """Read a job that is stored already.

    Raises:
        JobConflict: It cannot be read.
    """
    try:
        return job_of(row)
    except ValueError as error:
        raise JobConflict(row[1], f"is stored already, in a row that cannot be read ({error})") from error


def answer(job: Job, by_id: Known, by_key: KnownKeys) -> Enqueued:
    """Return the known job where there is one; a new one is known from here on.

    Raises:
        JobConflict: The key is known with other arguments.
    """
    found = found_as(job, by_id, by_key)
    if found is not None:
        return found
    by_id[job.id] = by_key[job.task, job.key] = job
    return Enqueued(job=job, created=True)


def found_as(job: Job, by_id: Known, by_key: KnownKeys) -> Enqueued | None:
    """Return the known job that a new one repeats.

    Raises:
        JobConflict: The key is known with other arguments.
    """
    found = by_id.get(job.id)
    if found is None and job.key is not None:
        found = by_key.get((job.task, job.key))
        if found is not None and found.args != job.args:
            raise JobConflict(found.id, f"has the key {job.key!r} of task {job.task!r} with other arguments")
    return None if found is None else Enqueued(job=found, created=False)


def insert(jobs: Sequence[Job], transaction: Transaction) -> None:
    """Store jobs in their order, count them and tell of them.

    Raises:
        Driver.error: An id or a key is stored already (`Code.CONSTRAINT`). None was stored.
        QueueFull: A queue would hold too many.
    """
    account = transaction.account
    if jobs and not account.is_in_stretch:
        transaction.hold(begin(account))
    transaction.run_each(statements("enqueue")["insert"], [row_of(job, transaction.now) for job in jobs])
    if account.has_bounds:
        transaction.hold(check(jobs, account))
    note(jobs, account)


def begin(account: Account) -> Talk[None]:
    """Find out what is to be known before a transaction stores its first job, and note when that was."""
    sql, now = statements("enqueue"), block(account.now)
    is_noted, has_bounds = yield from ask(sql["begin"], now)
    if not is_noted:
        yield from say(sql["stretch"], now)
    account.is_in_stretch, account.has_bounds = True, bool(has_bounds)


def note(jobs: Sequence[Job], account: Account) -> None:
    """Count new jobs and tell of them."""
    for lane, count in Counter([(job.state, job.task, job.queue) for job in jobs]).items():
        account.count(lane, count)
        if lane[0] is JobState.QUEUED:
            account.tell(NoticeKind.QUEUED, queue=lane[2])
        elif lane[0] is JobState.SCHEDULED:
            account.tell(NoticeKind.SCHEDULED)
    if jobs:
        account.tell(NoticeKind.CHANGED, job_ids=ids_of(jobs))


def row_of(job: Job, now: int) -> tuple[Value, ...]:
    """Return a new job's values in the order of the inserting statement."""
    return (
        job.id,
        job.task,
        job.queue,
        job.priority,
        job.state,
        text_of("args", job.args),
        dump_policy(job.policy),
        job.key,
        now,
        None if job.run_at is None else ticks(job.run_at),
        job.retry_of,
    )


def begin_by(job: Job) -> int | None:
    """Return from when on a new job may not begin any more."""
    if job.policy.expires is None or job.state.is_final:
        return None
    return later(ticks(job.run_at or job.created_at), job.policy.expires)


def tied_row_of(job: Job, now: int, *, strand: int | None, is_followed: bool) -> tuple[Value, ...]:
    """Return the values of a new job that is not plain, in the order of its inserting statement."""
    return (
        *row_of(job, now),
        None if job.ties is None else dump_ties(job.ties),
        strand,
        begin_by(job),
        1 if is_followed else None,
        None if job.failure is None else dump_failure(job.failure),
        job.cancel_reason,
        None if job.finished_at is None else ticks(job.finished_at),
        None if job.expires_at is None else ticks(job.expires_at),
    )


def begun(new: NewJob, now: int) -> Job:
    """Return a new job as it begins.

    Raises:
        InvalidOption: Its priority does not fit the file's integers.
    """
    if not -LARGEST <= new.priority <= LARGEST:
        raise InvalidOption("priority", new.priority, "give an integer of at most 64 bits")
    return born(new, now)
