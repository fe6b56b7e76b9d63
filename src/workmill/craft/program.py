"""What a worker needs of an application, gathered so that nothing below the hall knows the hall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workmill.craft.middleware import Middleware
from workmill.craft.task import AnyTask
from workmill.words.emit import Emit
from workmill.words.errors import ConfigError, InvalidArguments

if TYPE_CHECKING:
    from workmill.craft.planning import DeclaredSchedule
    from workmill.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The tasks, the store and the surroundings of one application.

    Attributes:
        tasks: By name; grows while modules that register tasks are imported.
        open_store: Makes a store that is not open yet, for the event loop that will open it.
        schedules: Those that are declared apart from tasks, by name; grows likewise.
    """

    url: str
    tasks: Mapping[str, AnyTask]
    middleware: tuple[Middleware, ...]
    open_store: Callable[[], Store]
    emit: Emit
    schedules: Mapping[str, DeclaredSchedule] = field(default_factory=dict)

    @property
    def process_tasks(self) -> tuple[str, ...]:
        """The names of the tasks whose jobs need a process each."""
        return tuple(sorted(name for name, task in self.tasks.items() if task.is_process))

    def part(self, *, process: bool) -> Program:
        """Return this program with its process tasks only, or with all others, as they are now."""
        return replace(self, tasks={name: task for name, task in self.tasks.items() if task.is_process is process})

    def check_signatures(self) -> None:
        """Read the type hints of every task, so that what is wrong with one is said before its first job.

        Raises:
            ConfigError: A task's type hints cannot be read, or have no JSON form, or a schedule cannot call it; says
                each.
        """
        wrong = [said for name in sorted(self.tasks) if (said := _problem(self.tasks[name]))]
        if wrong:
            raise ConfigError("\n".join(wrong))


def _problem(task: AnyTask) -> str | None:
    if task.problem is None and task.schedule is not None:
        try:
            task.job()
        except InvalidArguments as error:
            return f"its schedule calls it without arguments, and {error}"
    return task.problem
