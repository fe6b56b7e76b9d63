"""The same call from elsewhere: as words for a shell and as a line of Python."""

import json
import keyword
import shlex
from dataclasses import dataclass

LONGEST = 4000
"""Longer calls are nothing to be copied by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One way to make a call, ready to be copied."""

    place: str
    text: str


def calls_of(task: str, args: object) -> list[Call]:
    """Return the ways to call a task with these arguments; none where they are too long, or no arguments at all."""
    if not isinstance(args, dict):
        return []
    raw = json.dumps(args)
    if len(raw) > LONGEST:
        return []
    words = ["workmill", "call", task, *(["--json-args", raw] if args else [])]
    return [Call(place="Shell", text=shlex.join(words)), Call(place="Python", text=_python(task, args))]


def _python(task: str, args: dict[str, object]) -> str:
    are_plain = all(name.isidentifier() and not keyword.iskeyword(name) for name in args)
    given = ", ".join(f"{name}={value!r}" for name, value in args.items()) if are_plain else f"**{args!r}"
    is_plain = task.isidentifier() and not keyword.iskeyword(task)
    return f"{task if is_plain else f'app.task_named({task!r})'}.enqueue({given if args else ''})"
