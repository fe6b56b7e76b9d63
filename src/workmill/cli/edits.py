"""The arguments of a job as they are to be at its next run: those it had, edited by the words of a command line."""

import json
from collections.abc import Sequence

from workmill import AnyTask, InvalidArguments, JobHandle
from workmill.cli.call import flag_of, read_json, what_is_wrong
from workmill.cli.exits import UsageError
from workmill.cli.flags import kinds_of
from workmill.cli.values import ANYTHING, read_value


def edited_arguments(
    handle: JobHandle[object], task: AnyTask | None, changes: Sequence[str], text: str | None
) -> dict[str, object] | None:
    """Return what a job is to be called with; None where nothing is to be changed.

    Args:
        handle: The job.
        task: Its task, where the application knows it: the kinds of its arguments say how a word is read.
        changes: `name=value`, in place of what the job has under this name.
        text: What names a JSON object, in place of all that the job has.

    Raises:
        UsageError: A change is not `name=value`, or the JSON is none.
    """
    if text is None and not changes:
        return None
    arguments = _arguments(handle) if text is None else _object(text)
    for change in changes:
        name, sign, value = change.partition("=")
        if not (name and sign):
            raise UsageError(f"--set {change!r} is refused: write it like --set width=400")
        kinds = ANYTHING if task is None else kinds_of(task.schema, name)
        arguments[name] = read_value(value, kinds)
    return arguments


def refusal(job_id: str, error: InvalidArguments) -> str:
    """Say which arguments are refused."""
    lines = [f"  {flag_of(each.pointer)}: {what_is_wrong(each)}" for each in error.errors]
    return "\n".join([f"the arguments for task {error.task!r} are refused; job {job_id} was not retried:", *lines])


def _arguments(handle: JobHandle[object]) -> dict[str, object]:
    arguments = handle.document()["args"]
    if not isinstance(arguments, dict):
        raise UsageError(f"the arguments of job {handle.id} cannot be read: give all of them with --args")
    return dict(arguments)


def _object(source: str) -> dict[str, object]:
    try:
        value = json.loads(read_json(source, "--args"), object_pairs_hook=_each_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--args is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError("--args is no JSON object: give all arguments by name, as in --args '{\"width\": 400}'")
    return value


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names a key twice")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
