"""A job run again by hand: a new job that names the old one."""

import os
import time
from collections.abc import Mapping

from workmill.craft.signature import Signature
from workmill.words.codec import Json, dump
from workmill.words.errors import ArgumentError, InvalidArguments, JobConflict
from workmill.words.job import Job, NewJob
from workmill.words.names import job_id
from workmill.words.ties import Ties


def retry_of(job: Job, args: bytes | None, key: str | None) -> NewJob:
    """Make the job that repeats one which has ended: counted from zero, without delay, and with a key of its own only.

    Args:
        job: What is repeated.
        args: What it is called with; None for the same.
        key: The idempotency key of the new job.

    Raises:
        JobConflict: It has not ended.
    """
    if not job.state.is_final:
        raise JobConflict(job.id, f"it is {job.state} and not over; wait for its end, or cancel it first")
    return NewJob(
        id=job_id(time.time_ns() // 1_000_000, os.urandom(10)),
        task=job.task,
        queue=job.queue,
        priority=job.priority,
        args=job.args if args is None else args,
        policy=job.policy,
        key=key,
        retry_of=job.id,
        ties=None if job.ties is None or not job.ties.gates else Ties(gates=job.ties.gates),
    )


def checked_arguments(task: str, arguments: Mapping[str, Json], signature: Signature | None) -> bytes:
    """Write arguments given as JSON values, checked by the task's signature where it is known here.

    Raises:
        InvalidArguments: They do not match the type hints, or have no JSON form.
    """
    if not isinstance(arguments, Mapping):
        raise _refusal(task, "give the arguments by name, as one JSON object", "object_type")
    try:
        text = dump(dict(arguments))
    except ValueError as error:
        raise _refusal(task, f"no JSON form: {error}", "not_json") from error
    return text if signature is None else signature.dump_json_call(text)


def _refusal(task: str, detail: str, slug: str) -> InvalidArguments:
    return InvalidArguments(task, [ArgumentError(pointer="#", detail=detail, type=slug)])
