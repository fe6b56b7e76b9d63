"""The tasks of one application, by name, and the handles on jobs that know their task's result."""

from collections.abc import Callable, Sequence

from workmill.craft.client import Client
from workmill.craft.handle import JobHandle
from workmill.craft.isolation import Isolation
from workmill.craft.options import Options
from workmill.craft.task import AnyTask, Task
from workmill.store import Enqueued
from workmill.words.codec import Json
from workmill.words.errors import DuplicateTask, UnknownTask
from workmill.words.job import Job


class Registry:
    """What `App.task` fills while modules are imported.

    Attributes:
        tasks: The tasks by name.
    """

    def __init__(self, client: Client) -> None:
        self.tasks: dict[str, AnyTask] = {}
        self._client = client

    def register(
        self,
        name: str,
        function: Callable[..., Json],
        options: Options,
        retry_on: tuple[type[Exception], ...],
        isolation: Isolation | None,
    ) -> AnyTask:
        """Make a task of a function.

        Raises:
            DuplicateTask: The name is taken.
            TaskError: The function's parameters cannot be a task's.
        """
        task: AnyTask = Task(name, function, self._client, options, retry_on, isolation=isolation)
        if name in self.tasks:
            raise DuplicateTask(name)
        self.tasks[name] = task
        return task

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
        signature = None if task is None else task.signature
        return JobHandle(self._client, record, signature, created=created)

    def handles(self, stored: Sequence[Enqueued]) -> list[JobHandle[Json]]:
        """Return handles on jobs that were just stored."""
        return [self.handle(entry.job, created=entry.created) for entry in stored]
