"""What a worker needs of an application, gathered so that nothing below the hall knows the hall."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workmill.craft.middleware import Middleware
from workmill.craft.task import AnyTask
from workmill.store import Store
from workmill.words.errors import ConfigError
from workmill.words.events import Emit


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The tasks, the store and the surroundings of one application.

    Attributes:
        tasks: By name; grows while modules that register tasks are imported.
        open_store: Makes a store that is not open yet, for the event loop that will open it.
    """

    url: str
    tasks: Mapping[str, AnyTask]
    middleware: tuple[Middleware, ...]
    open_store: Callable[[], Store]
    emit: Emit

    def check_signatures(self) -> None:
        """Read the type hints of every task, so that what is wrong with one is said before its first job.

        Raises:
            ConfigError: A task's type hints cannot be read, or have no JSON form; says each.
        """
        wrong = [said for name in sorted(self.tasks) if (said := self.tasks[name].problem)]
        if wrong:
            raise ConfigError("\n".join(wrong))
