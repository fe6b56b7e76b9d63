"""Rows and records, one into the other.

Whole batches cross between Python and SQLite as one JSON text each way: every step of a statement gives up the
interpreter's lock, and beside a busy thread getting it back takes milliseconds, so a batch must not cost a step a row.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from workmill.store import Worker
from workmill.words.codec import Json, load, load_policy
from workmill.words.draft import JobDraft, failure_of, progress_of, ties_of
from workmill.words.errors import InvalidOption
from workmill.words.job import Attempt, Ending, Job, JobState
from workmill.words.order import Order
from workmill.words.ticks import moment, moment_or_none

LONGEST_TEXT = 200_000_000

_write = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def pack(value: Json) -> str:
    """Write a batch for a statement to read."""
    return _write(value)


@lru_cache(maxsize=256)
def pack_names(names: tuple[str, ...]) -> str:
    """Write names of tasks or queues, each once. They are the same for every claim of a worker."""
    return _write(list(dict.fromkeys(names)))


def unpack(text: bytes) -> Json:
    """Read a batch that a statement wrote.

    Bytes that are no UTF-8 come as lone surrogates, so that one damaged row does not take the batch with it.
    """
    return json.loads(text.decode(errors="surrogateescape"))


def job_of(row: Sequence[Json]) -> Job:
    """Read one job from the array that the view `job_row` makes.

    Raises:
        ValueError: It cannot be read.
    """
    _, job_id, task, queue, priority, state, args, policy, key, attempt, deaths, token, version, *rest = row
    progress, result, failure, worker, engine, *times, cancel_reason, cancel_forced, retry_of, ties = rest
    job: Job = JobDraft(
        job_id,
        task,
        queue,
        priority,
        JobState(state),
        args.encode(),
        load_policy(policy),
        key,
        attempt,
        deaths,
        token,
        version,
        progress_of(progress),
        None if result is None else result.encode(),
        failure_of(failure),
        worker,
        engine,
        moment(times[0]),
        *map(moment_or_none, times[1:]),
        cancel_reason,
        cancel_forced == 1,
        retry_of,
        ties_of(ties),
    )
    job.__class__ = Job
    return job


def writable(text: str) -> str:
    """Return a text as the file can hold it: with `?` for lone surrogates, which are no characters."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def text_of(option: str, json_text: bytes) -> str:
    """Return a caller's JSON as text.

    Raises:
        InvalidOption: It is no UTF-8, or so large that SQLite could store it but not hand it over again.
    """
    if len(json_text) > LONGEST_TEXT:
        raise InvalidOption(option, json_text[:80], f"give at most {LONGEST_TEXT:,} bytes, and large data as a file")
    try:
        return json_text.decode()
    except UnicodeDecodeError as error:
        raise InvalidOption(option, json_text[:80], "give JSON in UTF-8") from error


def readable(rows: Sequence[Sequence[Json]]) -> list[Job]:
    """Read jobs and leave out those that cannot be read."""
    jobs = []
    for row in rows:
        try:
            jobs.append(job_of(row))
        except ValueError:
            continue
    return jobs


def attempt_of(row: Sequence[Json]) -> Attempt:
    """Read one ended attempt.

    Raises:
        ValueError: It cannot be read.
    """
    number, token, worker, started_at, ended_at, ending, failure = row
    return Attempt(
        number=number,
        token=token,
        worker=worker,
        started_at=moment_or_none(started_at),
        ended_at=moment(ended_at),
        ending=Ending(ending),
        failure=failure_of(failure),
    )


def worker_of(row: Sequence[Json], now: int) -> Worker:
    """Read one worker.

    Raises:
        ValueError: It cannot be read.
    """
    identity, name, host, pid, queues, tasks, concurrency, running, leads, ordered, *times = row
    started_at, lease_ends_at = times
    is_live = lease_ends_at > now
    return Worker(
        id=identity,
        name=name,
        host=host,
        pid=pid,
        queues=None if queues is None else tuple(load(queues)),
        tasks=tuple(load(tasks)),
        concurrency=concurrency,
        running=running,
        is_live=is_live,
        is_leader=is_live and leads == 1,
        order=Order(ordered),
        started_at=moment(started_at),
        lease_ends_at=moment(lease_ends_at),
    )
