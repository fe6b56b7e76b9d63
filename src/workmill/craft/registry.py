"""The tasks of one application, by name, and the handles on jobs that know their task's result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workmill.craft.client import Client
from workmill.craft.handle import JobHandle
from workmill.craft.middleware import Surrounding
from workmill.craft.options import Declared, Options
from workmill.craft.task import AnyTask, Task
from workmill.store import Enqueued
from workmill.words.codec import Json
from workmill.words.errors import DuplicateTask, InvalidOption, UnknownTask
from workmill.words.job import Job
from workmill.words.limit import Rule

if TYPE_CHECKING:
    from workmill.craft.planning import DeclaredSchedule


class Registry:
    """What `App.task` fills while modules are imported.

    Attributes:
        tasks: The tasks by name.
        schedules: The schedules that `App.schedule` declares, by name.
        surroundings: What the functions of the tasks are called within, outermost first.
    """

    def __init__(self, client: Client) -> None:
        self.tasks: dict[str, AnyTask] = {}
        self.schedules: dict[str, DeclaredSchedule] = {}
        self.surroundings: list[Surrounding] = []
        self._client = client

    def register(self, name: str, function: Callable[..., Json], options: Options, declared: Declared) -> AnyTask:
        """Make a task of a function.

        Raises:
            DuplicateTask: The name is taken.
            InvalidOption: A limit has the name of another task's, and says something else.
            TaskError: The function's parameters cannot be a task's.
        """
        task: AnyTask = Task(name, function, self._client, options, declared, surroundings=self.surroundings)
        self._check(task)
        self.tasks[name] = task
        return task

    def include(self, other: Registry) -> None:
        """Take in the tasks and schedules of another, all or none.

        Raises:
            DuplicateTask: A name is taken.
            InvalidOption: A limit or schedule contradicts one that there is.
        """
        for task in other.tasks.values():
            self._check(task)
        for name in other.schedules:
            self._check_schedule(name)
        self.tasks.update(other.tasks)
        self.schedules.update(other.schedules)

    def surround(self, context: Surrounding) -> None:
        """Call functions within this; it takes the place of an equal one."""
        if context in self.surroundings:
            self.surroundings[self.surroundings.index(context)] = context
        else:
            self.surroundings.append(context)

    def declare_schedule(self, declared: DeclaredSchedule) -> None:
        """Note a schedule for workers to store.

        Raises:
            InvalidOption: One of this name is declared already.
        """
        self._check_schedule(declared.plan.name)
        self.schedules[declared.plan.name] = declared

    def named(self, name: str) -> AnyTask:
        """Return a task.

        Raises:
            UnknownTask: There is none of this name.
        """
        try:
            return self.tasks[name]
        except KeyError:
            raise UnknownTask(name, tuple(self.tasks)) from None

    def handle(self, record: Job, *, created: bool = False) -> JobHandle[Json]:
        """Return a handle on a job, of a task that is registered here or elsewhere."""
        task = self.tasks.get(record.task)
        return (
            JobHandle(self._client, record, None, created=created)
            if task is None
            else task.handle(record, created=created)
        )

    def handles(self, stored: Sequence[Enqueued]) -> list[JobHandle[Json]]:
        """Return handles on jobs that were just stored."""
        return [self.handle(entry.job, created=entry.created) for entry in stored]

    def _check(self, task: AnyTask) -> None:
        if task.name in self.tasks:
            raise DuplicateTask(task.name)
        self._check_rules(task)
        if task.schedule is not None:
            self._check_schedule(task.name)

    def _check_schedule(self, name: str) -> None:
        task = self.tasks.get(name)
        if name in self.schedules or (task is not None and task.schedule is not None):
            raise InvalidOption("name", name, "a schedule of this name is declared already; give one of them another")

    def _check_rules(self, task: AnyTask) -> None:
        for rule in task.limits.rules:
            for other in self.tasks.values():
                if any(_contradict(rule, each) for each in other.limits.rules):
                    remedy = f"task {other.name!r} gives it to another limit; give both the same limit, or another name"
                    raise InvalidOption("limit.name", rule.name, remedy)


def _contradict(one: Rule, other: Rule) -> bool:
    return (one.scope, one.name) == (other.scope, other.name) and one != other
