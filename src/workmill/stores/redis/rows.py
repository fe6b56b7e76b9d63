"""Records as the server keeps them, one into the other.

A job is kept in two parts: its *head*, an array that scripts read and write, and its *doc*, which they only hand on: a
line of JSON and the arguments behind it, byte for byte. Beside them stand its result, failure and progress, if any.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

import msgpack

from workmill.words.codec import Json, dump, dump_policy, load, load_policy
from workmill.words.draft import JobDraft, failure_of, progress_of, ties_of
from workmill.words.job import Attempt, Ending, Job, JobState, NewJob
from workmill.words.policy import Policy
from workmill.words.ticks import LAST
from workmill.words.ticks import moment as exact_moment
from workmill.words.ties import Ties
from workmill.words.ties_codec import dump_ties

Row: TypeAlias = Sequence[bytes | None]
"""A job as scripts hand it over: id, head, doc, result, failure, progress."""

FIELDS = (
    "state",
    "task",
    "queue",
    "priority",
    "keep",
    "expires",
    "attempt",
    "deaths",
    "token",
    "version",
    "worker",
    "engine",
    "created_at",
    "run_at",
    "started_at",
    "finished_at",
    "expires_at",
    "cancel_requested_at",
    "cancel_reason",
    "cancel_forced",
    "gates",
    "flow",
    "schedule",
    "key",
    "slot",
    "place",
)
"""What a head holds, in its order: scripts write `F.name` for where a field is. False stands for None.

The place is last, as it is what the heads of a batch differ in: an older server sorts long texts in a script by one of
every few bytes from the end, and if those were all alike, a batch would take time by the square of its length.
"""
STATES = {str(state): state for state in JobState}


def doc_of(new: NewJob) -> bytes:
    """Write what scripts hand on of a new job."""
    return b"\n".join((header(new.policy, new.key, new.retry_of, new.ties), new.args))


@lru_cache(maxsize=1024)
def header(policy: Policy, key: str | None, retry_of: str | None, ties: Ties | None) -> bytes:
    """Write what stands before a job's arguments."""
    return dump([dump_policy(policy), key, retry_of, None if ties is None else dump_ties(ties)])


@lru_cache(maxsize=1024)
def load_header(text: bytes) -> tuple[Policy, str | None, str | None, Ties | None]:
    """Read what `header` wrote.

    Raises:
        ValueError: It is no such thing.
    """
    try:
        policy, key, retry_of, ties = load(text)
        return load_policy(policy), key, retry_of, ties_of(ties)
    except TypeError as error:
        raise ValueError(f"not the header of a job: {text[:80]!r}") from error


def job_of(row: Row) -> Job:
    """Read one job.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        return _job(row)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a job: {error!r}") from error


def _job(row: Row) -> Job:
    identity, head, doc, result, failure, progress = row
    if identity is None or head is None or doc is None:
        raise ValueError("a part of the job is missing")
    line, separator, args = doc.partition(b"\n")
    if not separator:
        raise ValueError(f"not the doc of a job: {doc[:80]!r}")
    policy, key, retry_of, ties = load_header(line)
    state, task, queue, priority, _, _, attempt, deaths, token, version, worker, engine, *rest = unpacked(head)
    created_at, run_at, started_at, finished_at, expires_at, requested_at, reason, is_forced, *_ = rest
    job: Job = JobDraft(
        identity.decode(),
        task,
        queue,
        priority,
        STATES[state],
        args,
        policy,
        key,
        attempt,
        deaths,
        token,
        version,
        progress_of(text_or_none(progress)),
        result,
        failure_of(text_or_none(failure)),
        worker or None,
        None if engine is False else engine,
        moment(created_at),
        moment_or_none(run_at),
        moment_or_none(started_at),
        moment_or_none(finished_at),
        moment_or_none(expires_at),
        moment_or_none(requested_at),
        None if reason is False else reason,
        is_forced,
        retry_of,
        ties,
    )
    job.__class__ = Job
    return job


def readable(rows: Sequence[Row | None]) -> list[Job]:
    """Read jobs and leave out those that are missing or cannot be read."""
    jobs = []
    for row in rows:
        try:
            if row:
                jobs.append(job_of(row))
        except ValueError:
            continue
    return jobs


def attempts_of(records: bytes | None, head: bytes | None) -> list[Attempt]:
    """Read the ended attempts of a job, and leave out those that cannot be read.

    One that simply succeeded is not recorded by itself: the job's head says all there is to say of it.
    """
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(records or b"")
    ended = []
    for record in unpacker:
        with suppress(ValueError):
            ended.append(attempt_of(record))
    last = None if head is None else success_of(unpacked(head))
    if last is not None and last.token not in [one.token for one in ended]:
        ended.append(last)
    return ended


def success_of(head: Sequence[Json]) -> Attempt | None:
    """Return the attempt by which a job succeeded; None where it has not."""
    job = dict(zip(FIELDS, head, strict=True))
    if job["state"] != JobState.SUCCEEDED:
        return None
    return Attempt(
        number=job["attempt"],
        token=job["token"],
        worker=job["worker"] or None,
        started_at=moment_or_none(job["started_at"]),
        ended_at=moment(job["finished_at"]),
        ending=Ending.SUCCEEDED,
        failure=None,
    )


def attempt_of(record: Sequence[Json]) -> Attempt:
    """Read one ended attempt.

    Raises:
        ValueError: It cannot be read.
    """
    number, token, worker, started_at, ended_at, ending, failure = record
    return Attempt(
        number=number,
        token=token,
        worker=worker or None,
        started_at=moment_or_none(started_at),
        ended_at=moment(ended_at),
        ending=Ending(ending),
        failure=failure_of(failure or None),
    )


def pack(value: Json) -> bytes:
    """Write what a script is to read. Text and bytes are alike to it; what is no text matches nothing there is."""
    packed: bytes = msgpack.packb(value, use_bin_type=False, unicode_errors="surrogatepass")
    return packed


def unpacked(packed: bytes, *, raw: bool = False) -> Json:
    """Read what a script has written; where it is `raw`, with bytes for all text in it.

    Raises:
        ValueError: It is damaged.
    """
    try:
        return msgpack.unpackb(packed, raw=raw)
    except msgpack.UnpackException as error:
        raise ValueError(f"not a record: {packed[:80]!r}") from error


def moment(written: int) -> datetime:
    """Read a moment: the calendar's last one lies between two of the numbers that scripts reckon with."""
    return exact_moment(min(LAST, written))


def moment_or_none(written: int | bool) -> datetime | None:  # noqa: FBT001 - false is how scripts write that there is none
    """Read a moment that may be missing."""
    return None if written is False else moment(written)


def text_or_none(text: bytes | None) -> str | None:
    """Read a text that may be missing."""
    return None if text is None else text.decode()
