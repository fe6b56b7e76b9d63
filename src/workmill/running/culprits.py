"""Whose fault it was that a process of many jobs died, as far as its last stack tells."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from workmill.craft.task import AnyTask
from workmill.words.job import Job

Code: TypeAlias = tuple[str, str, str]
"""A task's name, and how a stack shows its function: the file and the function's name."""

_FRAME = re.compile(r'^  File "(?P<file>.*)", line \d+ in (?P<name>.*)$', re.MULTILINE)


def codes_of(tasks: Mapping[str, AnyTask]) -> tuple[Code, ...]:
    """Return how stacks show the tasks; what is no plain function, nor wraps one, is left out."""
    found = ((name, inspect.unwrap(task.function)) for name, task in sorted(tasks.items()))
    codes = ((name, getattr(function, "__code__", None)) for name, function in found)
    return tuple((name, _shown(code.co_filename), _shown(code.co_name)) for name, code in codes if code is not None)


def culprits(jobs: Sequence[Job], codes: Iterable[Code], stack: str) -> frozenset[str]:
    """Return the ids of the jobs of those tasks whose code was running in the thread that died; empty where unknown."""
    frames = {(found["file"], found["name"]) for found in _FRAME.finditer(stack)}
    tasks = {task for task, *shown in codes if tuple(shown) in frames}
    return frozenset(job.id for job in jobs if job.task in tasks)


def _shown(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
