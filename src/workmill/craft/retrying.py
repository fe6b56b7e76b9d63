"""A job run again by hand: a new job that names the old one."""

from collections.abc import Mapping

from workmill.craft.ids import new_id
from workmill.craft.signature import Signature
from workmill.words.codec import Json, dump
from workmill.words.errors import ArgumentError, InvalidArguments, JobConflict
from workmill.words.job import Job, NewJob
from workmill.words.ties import After, Feed, Ties


def retry_of(job: Job, args: bytes | None, key: str | None, parents: tuple[str, ...] = ()) -> NewJob:
    """Make the job that repeats one which has ended: counted from zero, without delay, and with a key of its own only.

    Args:
        job: What is repeated.
        args: What it is called with; None for the same.
        key: The idempotency key of the new job.
        parents: Whom it followed, where it got its first argument from them, so that it gets that again.

    Raises:
        JobConflict: It has not ended.
    """
    if not job.state.is_final:
        raise JobConflict(job.id, f"it is {job.state} and not over; wait for its end, or cancel it first")
    return NewJob(
        id=new_id(),
        task=job.task,
        queue=job.queue,
        priority=job.priority,
        args=job.args if args is None else args,
        policy=job.policy,
        key=key,
        retry_of=job.id,
        after=After(jobs=parents, needs=job.ties.needs) if parents and job.ties is not None else None,
        ties=_ties(job, is_fed=bool(parents) and args is None),
    )


def _ties(job: Job, *, is_fed: bool) -> Ties | None:
    if job.ties is None or not (job.ties.gates or is_fed):
        return None
    return Ties(gates=job.ties.gates, feed=job.ties.feed if is_fed else Feed.NOTHING, needs=job.ties.needs)


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
