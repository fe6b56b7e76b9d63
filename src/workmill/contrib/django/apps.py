"""The installed app: finds the tasks of all others when they are there."""

from types import ModuleType
from typing import TYPE_CHECKING

from django.apps import AppConfig  # type: ignore[import-untyped] # it has no types
from django.core.checks import register  # type: ignore[import-untyped] # it has no types
from django.utils.module_loading import autodiscover_modules  # type: ignore[import-untyped] # it has no types

from workmill.contrib.django.checking import check_application
from workmill.contrib.django.connections import tidy
from workmill.contrib.django.settings import application

if TYPE_CHECKING:
    from workmill.contrib.django.tasks_api import Task


class WorkmillConfig(AppConfig):  # type: ignore[misc] # it has no types
    """Imports `tasks.py` of every installed app, so that whatever loads Django knows every task.

    Attributes:
        declared: The tasks of Django's own API, by the path of their function.
    """

    name = "workmill.contrib.django"
    label = "workmill"
    verbose_name = "Workmill"
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, app_name: str, app_module: ModuleType) -> None:
        super().__init__(app_name, app_module)
        self.declared: dict[str, Task] = {}
        self._is_ready = False

    def ready(self) -> None:
        """Find the tasks; called by Django when all models are there.

        Raises:
            ConfigError: The setting `WORKMILL` is wrong.
        """
        register(check_application)
        application().surround(tidy)
        autodiscover_modules("tasks")
        self._is_ready = True
        for task in self.declared.values():
            self._adopt(task)

    def declare(self, task: "Task") -> None:
        """Take in a task of Django's own API: now, or when all are there."""
        self.declared.setdefault(task.module_path, task)
        if self._is_ready:
            self._adopt(task)

    def _adopt(self, task: "Task") -> None:
        from workmill.contrib.django.adopting import adopted  # noqa: PLC0415 - only where that API is there

        adopted(application(), task)
