"""Storing new jobs, once each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from workmill.store import Enqueued
from workmill.stores.redis.drafting import delay_of, draft, head_of, is_call, unstorable, written
from workmill.stores.redis.rows import Row, doc_of, header, job_of
from workmill.stores.redis.session import Session
from workmill.stores.redis.single import enqueue_single, is_single
from workmill.words.codec import Json
from workmill.words.draft import born
from workmill.words.errors import JobConflict
from workmill.words.job import Job, NewJob

Look: TypeAlias = tuple[str, str, int, int, timedelta | None, datetime | None, str | None, bool]
"""What plain jobs may have in common; of their policy it is the identity, as that is quickly told."""


async def enqueue(jobs: Sequence[NewJob], session: Session) -> list[Enqueued]:
    """See `Store.enqueue`."""
    if not jobs:
        return []
    if len(jobs) == 1 and is_single(jobs[0]):
        stored = await enqueue_single(jobs[0], session)
        if stored is not None:
            return [stored]
    return await (enqueue_plain if all(map(is_call, jobs)) else enqueue_ruled)(jobs, session)


async def enqueue_plain(jobs: Sequence[NewJob], session: Session) -> list[Enqueued]:
    """Store a batch of mere calls: what they have in common is sent and looked at once."""
    shapes, shape_of, docs = shaped(jobs)
    asked: list[Json] = [shapes, [new.id for new in jobs], shape_of]
    if any(new.key for new in jobs):
        asked.append([new.key or False for new in jobs])
    said, places, rows = await session.run("enqueue_plain", written(jobs, asked), *docs)
    now = int(said)
    enqueued = [Enqueued(job=born(new, now), created=True) for new in jobs]
    for place, row in zip(places, rows, strict=True):
        enqueued[place - 1] = Enqueued(job=known(row), created=False)
    return enqueued


async def enqueue_ruled(jobs: Sequence[NewJob], session: Session) -> list[Enqueued]:
    """Store a batch whose jobs are looked at one after the other."""
    docs = docs_of(jobs)
    asked = written(jobs, [draft(new) for new in jobs])
    return answered(docs, await session.run("enqueue", asked, *docs))


def shaped(jobs: Sequence[NewJob]) -> tuple[list[Json], list[int], list[bytes]]:
    """Return what plain jobs have in common, which of it each has, and their docs."""
    numbers: dict[Look, int] = {}
    shapes: list[Json] = []
    starts: list[bytes] = []
    shape_of, docs = [], []
    for new in jobs:
        look = (new.task, new.queue, new.priority, id(new.policy), new.delay, new.run_at, new.retry_of, new.key is None)
        number = numbers.get(look)
        if number is None:
            number = numbers[look] = len(shapes)
            shapes.append((head_of(new), delay_of(new)))
            starts.append(start_of(new))
        shape_of.append(number + 1)
        docs.append((starts[number] if new.key is None else start_of(new)) + new.args)
    return shapes, shape_of, docs


def docs_of(jobs: Sequence[NewJob]) -> list[bytes]:
    """Return what scripts hand on of new jobs.

    Raises:
        InvalidOption: A text that one bears cannot be written.
    """
    try:
        return [doc_of(new) for new in jobs]
    except ValueError as error:
        raise unstorable(jobs) from error


def start_of(new: NewJob) -> bytes:
    """Return what stands before the arguments in a new job's doc.

    Raises:
        InvalidOption: A text that it bears cannot be written.
    """
    try:
        return header(new.policy, new.key, new.retry_of, new.ties) + b"\n"
    except ValueError as error:
        raise unstorable([new]) from error


def answered(docs: Sequence[bytes], rows: Sequence[Row | None]) -> list[Enqueued]:
    """Read what became of new jobs, each with its doc; of one that was skipped there is nothing.

    Raises:
        JobConflict: One is stored already and cannot be read.
    """
    enqueued = []
    for doc, row in zip(docs, rows, strict=True):
        if row is None:
            continue
        is_created = row[2] is None
        whole = (row[0], row[1], doc, *row[3:]) if is_created else row
        enqueued.append(Enqueued(job=known(whole), created=is_created))
    return enqueued


def known(row: Row) -> Job:
    """Read a job that is stored.

    Raises:
        JobConflict: It cannot be read.
    """
    try:
        return job_of(row)
    except ValueError as error:
        job_id = (row[0] or b"").decode()
        raise JobConflict(job_id, f"is stored already, in a row that cannot be read ({error})") from error
