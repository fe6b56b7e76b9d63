"""Storing new jobs, once each."""

from collections.abc import Sequence
from datetime import timedelta

from workmill.store import Enqueued, Notice, NoticeKind
from workmill.stores.postgres.arrays import same_numbers, same_texts, some_numbers, some_texts, texts
from workmill.stores.postgres.failures import AlreadyStored
from workmill.stores.postgres.rows import Row, job_of, text_of
from workmill.stores.postgres.session import Session
from workmill.words.codec import dump_policy
from workmill.words.draft import born
from workmill.words.errors import InvalidOption, JobConflict, StoreUnavailable
from workmill.words.job import Job, NewJob
from workmill.words.ticks import length_of, ticks

LARGEST_PRIORITY = 2**31 - 1
MOST_TRIES = 20


async def enqueue_beside_known(jobs: Sequence[NewJob], session: Session) -> list[Enqueued]:
    """Store those of the jobs that are not known by their id or key, and answer the known as they are stored."""
    for _ in range(MOST_TRIES):
        named = await same_ids(jobs, session)
        keyed = await same_keys(jobs, session)
        fresh = unknown(jobs, named, keyed)
        try:
            now = await insert(fresh, session) if fresh else 0
        except AlreadyStored:
            # Somebody else has stored one of them just now.
            continue
        for new in fresh:
            named[new.id] = born(new, now)
            keyed[new.task, new.key] = named[new.id]
        created = {new.id for new in fresh}
        answers = []
        for new in jobs:
            job = named.get(new.id) or keyed[new.task, new.key]
            answers.append(Enqueued(job=job, created=new.id in created))
            created.discard(new.id)
        return answers
    raise StoreUnavailable("the same jobs were stored and deleted again and again meanwhile; repeat the call")


async def same_ids(jobs: Sequence[NewJob], session: Session) -> dict[str, Job]:
    """Return the jobs that are stored under the ids of new ones."""
    rows = await session.run("enqueue", "same_id", [[new.id for new in jobs]])
    return {row[1]: known(row) for row in rows}


async def same_keys(jobs: Sequence[NewJob], session: Session) -> dict[tuple[str, str | None], Job]:
    """Return the jobs that are stored under the keys of new ones."""
    keys = {(new.task, new.key) for new in jobs if new.key is not None}
    rows = await session.run("enqueue", "same_key", [[task for task, _ in keys], [key for _, key in keys]])
    return {(row[2], row[8]): known(row) for row in rows}


def unknown(jobs: Sequence[NewJob], named: dict[str, Job], keyed: dict[tuple[str, str | None], Job]) -> list[NewJob]:
    """Return the jobs that must be stored, each once.

    Raises:
        JobConflict: A key is known with other arguments.
    """
    fresh: dict[str, NewJob] = {}
    by_key: dict[tuple[str, str], NewJob] = {}
    for new in jobs:
        if new.id in named or new.id in fresh:
            continue
        if new.key is not None:
            earlier = keyed.get((new.task, new.key)) or by_key.get((new.task, new.key))
            if earlier is not None and earlier.args != new.args:
                raise JobConflict(earlier.id, f"has the key {new.key!r} of task {new.task!r} with other arguments")
            if earlier is not None:
                continue
            by_key[new.task, new.key] = new
        fresh[new.id] = new
    return list(fresh.values())


def known(row: Row) -> Job:
    """Read a job that is stored already.

    Raises:
        JobConflict: It cannot be read.
    """
    try:
        return job_of(row)
    except ValueError as error:
        raise JobConflict(row[1], f"is stored already, in a row that cannot be read ({error})") from error


async def insert(jobs: Sequence[NewJob], session: Session, *, patience: timedelta | None = None) -> int:
    """Store jobs in their order, tell of them, and return the moment of storing.

    With `patience` it waits no longer than that for a transaction of others, such as one that stores the same key.

    Raises:
        AlreadyStored: An id or a key is stored already. None was stored.
        KeptWaiting: The patience is over. None was stored.
    """
    lanes = await lanes_of(jobs, session)
    notices = notices_of(jobs)
    inside = session.bells.ring_inside(notices)
    values = [
        texts([new.id for new in jobs]),
        same_numbers(lanes),
        texts([text_of("args", new.args) for new in jobs]),
        same_texts([dump_policy(new.policy) for new in jobs]),
        some_texts([new.key for new in jobs]),
        some_numbers([None if not new.delay else length_of(new.delay) for new in jobs]),
        some_numbers([None if new.run_at is None else ticks(new.run_at) for new in jobs]),
        some_texts([new.retry_of for new in jobs]),
        texts([channel for channel, _ in inside]),
        texts([payload for _, payload in inside]),
    ]
    if patience is None:
        rows = await session.run("enqueue", "insert", values)
    else:
        most = max(1, patience // timedelta(milliseconds=1))
        rows = await session.run("enqueue", "insert_patiently", [*values, f"{most}ms"])
    if not inside:
        session.bells.ring(notices)
    return int(rows[0][0])


def notices_of(jobs: Sequence[NewJob]) -> list[Notice]:
    """Return what is to be told of new jobs. Whether a `run_at` is past is not known yet."""
    ready = dict.fromkeys(new.queue for new in jobs if not new.delay)
    notices = [Notice(kind=NoticeKind.QUEUED, queue=queue) for queue in ready]
    if any(new.delay or new.run_at for new in jobs):
        notices.append(Notice(kind=NoticeKind.SCHEDULED))
    return [*notices, Notice(kind=NoticeKind.CHANGED, job_ids=tuple(new.id for new in jobs))]


async def lanes_of(jobs: Sequence[NewJob], session: Session) -> list[int]:
    """Return the lane of each job. A lane that is new is made in a transaction of its own."""
    wanted = [(new.task, new.queue, new.priority) for new in jobs]
    missing = {lane for lane in wanted if lane not in session.lanes}
    if missing:
        columns = zip(*missing, strict=True)
        await session.run("enqueue", "new_lanes", [list(column) for column in columns])
        await session.learn_lanes()
    return [session.lanes[lane] for lane in wanted]


def check(new: NewJob) -> None:
    """Refuse what the tables cannot hold.

    Raises:
        InvalidOption: The priority is too large, or the arguments are no UTF-8.
    """
    if not -LARGEST_PRIORITY - 1 <= new.priority <= LARGEST_PRIORITY:
        raise InvalidOption("priority", new.priority, "give an integer of at most 32 bits")
    text_of("args", new.args)
