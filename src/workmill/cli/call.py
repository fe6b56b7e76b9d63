"""`workmill call TASK`: enqueue a job, with flags made from the task's own signature."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cyclopts import CycloptsError

from workmill import AnyTask, App, ArgumentError, InvalidArguments, JobHandle, JobState
from workmill.cli.call_words import CallOptions, HelpShown, parse_options, parse_task_words, split, take_app
from workmill.cli.exits import Exit, UsageError
from workmill.cli.follow import follow, say_ending, warn_if_held
from workmill.cli.loading import load_app
from workmill.cli.options import as_length
from workmill.cli.output import show_json, show_value
from workmill.cli.terminal import say


def call(words: Sequence[str]) -> int:
    """Enqueue the job that the words describe and return the exit code.

    Raises:
        CycloptsError: A word fits neither the task's signature nor the options.
        UsageError: No task is named, or the arguments given as JSON cannot be read.
        WorkmillError: The application, the task, the arguments or the store is not as it should be.
    """
    try:
        return _call(words)
    except HelpShown:
        return Exit.OK


def _call(words: Sequence[str]) -> int:
    before, name, after = split(words)
    options = parse_options(before)
    if name is None:
        raise UsageError("name the task to call, as in `workmill call TASK`; `workmill tasks list` lists them")
    address, after = take_app(after)
    app = load_app(address or _text(options.get("app")))
    task = app.task_named(name)
    arguments, later = _read_words(task, after, has_json="json_args" in options)
    given = CallOptions(**{**options, **later})  # type: ignore[arg-type] # the parser checked each
    handle = _enqueue(task, arguments, given)
    say(f"workmill: {_what_happened(handle, given.key)}")
    if given.wait is not None:
        return _awaited(handle, app, given.wait, as_json=given.json)
    if given.json:
        show_json(handle.document())
    else:
        print(handle.id)
    return Exit.OK


def _read_words(task: AnyTask, words: Sequence[str], *, has_json: bool) -> tuple[dict[str, object], dict[str, object]]:
    try:
        return parse_task_words(task, words, has_json=has_json)
    except CycloptsError as error:
        hint = "; how long to wait is written with =, as in --wait=10" if "--wait" in words else ""
        raise UsageError(f"{str(error).rstrip('.')}{hint}\nSee: workmill call {task.name} --help") from None


def _enqueue(task: AnyTask, arguments: Mapping[str, object], given: CallOptions) -> JobHandle[object]:
    chosen = task.using(
        queue=given.queue,
        priority=given.priority,
        delay=given.delay,
        key=given.key,
        expires=given.expires,
        after=given.after or None,
        needs=given.needs,
        wait=None if given.room is None else as_length(given.room),
    )
    text = _dumped(arguments) if given.json_args is None else read_json(given.json_args, "--json-args")
    try:
        return chosen.enqueue_json(text)
    except InvalidArguments as error:
        raise UsageError(_refusal(error, as_flags=given.json_args is None)) from None


def _dumped(arguments: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(arguments, allow_nan=False).encode()
    except ValueError as error:  # a float written as 1e999
        raise UsageError(f"an argument has no JSON form: {error}") from None


def read_json(source: str, flag: str) -> bytes:
    """Return the text that the word after a flag names: itself, a file, or standard input.

    Raises:
        UsageError: There is no such file.
    """
    if source == "-":
        return sys.stdin.buffer.read()
    if not source.startswith("@"):
        return source.encode(errors="surrogateescape")
    try:
        return Path(source[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{flag} {source}: {error.strerror}; give @FILE, - or the JSON itself") from None


def _refusal(error: InvalidArguments, *, as_flags: bool) -> str:
    lines = [f"  {flag_of(each.pointer) if as_flags else each.pointer}: {what_is_wrong(each)}" for each in error.errors]
    return "\n".join([f"the arguments of task {error.task!r} are refused; nothing was enqueued:", *lines])


def what_is_wrong(error: ArgumentError) -> str:
    """Say what is wrong with one argument, and what it is."""
    return f"{error.detail}; it is {error.given}" if error.given else error.detail


def flag_of(pointer: str) -> str:
    """Return the flag that a JSON Pointer stands for: `#/opts/max_depth` is `--opts.max-depth`."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return "--" + ".".join(steps).replace("_", "-") if steps else "arguments"


def _what_happened(handle: JobHandle[object], key: str | None) -> str:
    job = handle.record
    if handle.created:
        return f"enqueued {job.task} on {job.queue} as {job.id}, {job.state}"
    if key is not None and job.key == key:
        return f"the key {job.key!r} names job {job.id} already, {job.state}"
    return f"job {job.id} is there already, {job.state}; task {job.task} stores no second one like it now"


def _awaited(handle: JobHandle[object], app: App, seconds: float, *, as_json: bool) -> int:
    try:
        warn_if_held(handle, app)
        follow(handle, seconds)
    except KeyboardInterrupt:
        say(f"workmill: no longer waiting; job {handle.id} goes on")
        raise
    if as_json:
        show_json(handle.document())
    elif handle.state is JobState.SUCCEEDED:
        show_value(handle.document()["result"])
    return say_ending(handle)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
