"""The words of `workmill call`: which are options, which is the task, and which are its arguments."""

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Group, Parameter

from workmill import AnyTask, Needs
from workmill.cli.flags import argument_flags
from workmill.cli.options import AppFlag, Names, Seconds, Whole

_GROUP = Group("Options", sort_key=1)
_WAIT = "--wait"


class HelpShown(Exception):
    """The words asked for help, which is written already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What is said about a job beside its arguments; each field is an option."""

    app: AppFlag = None
    json_args: Annotated[
        str | None,
        Parameter(metavar="JSON|@FILE|-", help="All arguments as one JSON object, from a file, or from stdin."),
    ] = None
    wait: Annotated[
        Seconds | None, Parameter(metavar="[=SECONDS]", help="Wait for the end and write the result to stdout.")
    ] = None
    delay: Annotated[Seconds | None, Parameter(help="Do not start before this many seconds from now.")] = None
    queue: Annotated[str | None, Parameter(help="The queue, in place of the task's own.")] = None
    priority: Annotated[Whole | None, Parameter(help="From -100 to 100; higher is claimed first.")] = None
    key: Annotated[str | None, Parameter(help="Idempotency key: calling again with it gives the same job.")] = None
    expires: Annotated[
        Seconds | None, Parameter(help="Cancel the job if it has not begun this many seconds from then.")
    ] = None
    after: Annotated[
        Names, Parameter(metavar="ID[,ID]", help="Jobs to follow: begin when they have become what it --needs.")
    ] = ()
    needs: Annotated[
        Needs | None, Parameter(help="Of those: success of all, unless given; their end; or a failure among them.")
    ] = None
    room: Annotated[Seconds | None, Parameter(help="How long to wait for room in a queue that is full; else not.")] = (
        None
    )
    json: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Write the job to stdout, as the HTTP API answers it.")
    ] = False


_OWN = inspect.signature(CallOptions).parameters
_TAKE_A_VALUE = frozenset(f"--{name.replace('_', '-')}" for name in _OWN) - {_WAIT, "--json"}


def split(words: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Part the words into those before the task's name, the name, and those after it."""
    is_value = False
    for at, word in enumerate(words):
        if not is_value and not word.startswith("-"):
            return list(words[:at]), word, list(words[at + 1 :])
        is_value = not is_value and word in _TAKE_A_VALUE
    return list(words), None, []


def take_app(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take `--app` out of the words after the task's name: it must be known before the task's own flags are."""
    for at, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("--app="):
            return word.removeprefix("--app="), [*words[:at], *words[at + 1 :]]
        if word == "--app" and at + 1 < len(words):
            return words[at + 1], [*words[:at], *words[at + 2 :]]
    return None, list(words)


def parse_options(words: Sequence[str]) -> dict[str, object]:
    """Return the options among the words before the task's name.

    Raises:
        CycloptsError: A word is none of the options.
        HelpShown: The words asked for help.
    """
    return _parse("workmill call [OPTIONS] TASK [ARGUMENTS] [OPTIONS]", {}, words, doc=_ABOUT)


def parse_task_words(
    task: AnyTask, words: Sequence[str], *, has_json: bool
) -> tuple[dict[str, object], dict[str, object]]:
    """Return the arguments and the options among the words after the task's name.

    An argument of the task comes before an option of the same name, which then has to stand before the task's name.

    Args:
        task: The task whose signature makes the flags.
        words: What follows its name.
        has_json: Whether the arguments were given as JSON already.

    Raises:
        CycloptsError: A word fits neither the signature nor the options.
        HelpShown: The words asked for help.
    """
    flags = {} if has_json or _has_json(words) else {flag.name: flag for flag in argument_flags(task.schema)}
    found = _parse(f"workmill call {task.name} [ARGUMENTS] [OPTIONS]", flags, words, doc=task.doc)
    arguments = {name: value for name, value in found.items() if name in flags}
    return arguments, {name: value for name, value in found.items() if name not in flags}


_ABOUT = """Enqueue a job; its flags are made from the task's own signature.

Writes the job's id to stdout or, with --wait, its result. `workmill call TASK --help` shows the arguments of a task.
Options may stand before the task's name or after it.
"""


def _has_json(words: Sequence[str]) -> bool:
    return any(word == "--json-args" or word.startswith("--json-args=") for word in words)


def _parse(usage: str, flags: Mapping[str, inspect.Parameter], words: Sequence[str], *, doc: str) -> dict[str, object]:
    own = [
        each.replace(annotation=Annotated[each.annotation, Parameter(group=_GROUP)])
        for name, each in _OWN.items()
        if name not in flags
    ]

    def parsed() -> None: ...

    parsed.__signature__ = inspect.Signature([*flags.values(), *own])  # type: ignore[attr-defined] # inspect reads it
    parsed.__doc__ = doc
    parser = Parser(
        name="workmill call", usage=f"Usage: {usage}", version_flags=(), help_format="plaintext", default_command=parsed
    )
    parser["--help"].group = (_GROUP,)
    words = words if "wait" in flags else [f"{_WAIT}={math.inf}" if word == _WAIT else word for word in words]
    command, bound, _ = parser.parse_args(words, exit_on_error=False, print_error=False)
    if command is not parsed:
        command(*bound.args, **bound.kwargs)
        raise HelpShown
    return dict(bound.arguments)
