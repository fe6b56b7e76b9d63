"""Rows and records, one into the other."""

from collections.abc import Sequence

from workmill.store import Worker
from workmill.stores.postgres.arrays import texts
from workmill.words.codec import Json, load_policy
from workmill.words.draft import JobDraft, failure_of, progress_of, ties_of
from workmill.words.errors import InvalidOption
from workmill.words.job import Attempt, Ending, Job, JobState, NewJob
from workmill.words.order import Order
from workmill.words.ticks import moment, moment_or_none

Row = Sequence[Json]
STATES = {str(state): state for state in JobState}


def job_of(row: Row) -> Job:
    """Read one job from a row of the view `job_row`.

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
        STATES[state],
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
        cancel_forced,
        retry_of,
        ties_of(ties),
    )
    job.__class__ = Job
    return job


def text_of(option: str, json_text: bytes) -> str:
    """Return a caller's JSON as text.

    Raises:
        InvalidOption: It is no UTF-8.
    """
    try:
        return json_text.decode()
    except UnicodeDecodeError as error:
        raise InvalidOption(option, json_text[:80], "give JSON in UTF-8") from error


def gates_of(new: NewJob) -> str | None:
    """Write the gates of a new job, name and key in turns; None for a job that stands in a plain line.

    A job that may not begin after a time is looked at one by one, so it stands apart, with gates or without.
    """
    gates = () if new.ties is None else new.ties.gates
    if not gates and new.policy.expires is None:
        return None
    return texts(part for gate in gates for part in (gate.name, gate.key))


def readable(rows: Sequence[Row]) -> list[Job]:
    """Read jobs and leave out those that cannot be read."""
    jobs = []
    for row in rows:
        try:
            jobs.append(job_of(row))
        except ValueError:
            continue
    return jobs


def attempt_of(row: Row) -> Attempt:
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


def worker_of(row: Row) -> Worker:
    """Read one worker."""
    identity, name, host, pid, queues, tasks, concurrency, running, is_live, leads, ordered, *times = row
    started_at, lease_ends_at = times
    return Worker(
        id=identity,
        name=name,
        host=host,
        pid=pid,
        queues=None if queues is None else tuple(queues),
        tasks=tuple(tasks),
        concurrency=concurrency,
        running=running,
        is_live=is_live,
        is_leader=is_live and leads,
        order=Order(ordered),
        started_at=moment(started_at),
        lease_ends_at=moment(lease_ends_at),
    )
