"""The installed app: finds the tasks of all others when they are there."""

from django.apps import AppConfig  # type: ignore[import-untyped] # it has no types
from django.core.checks import register  # type: ignore[import-untyped] # it has no types
from django.utils.module_loading import autodiscover_modules  # type: ignore[import-untyped] # it has no types

from workmill.contrib.django.checking import check_application
from workmill.contrib.django.connections import tidy
from workmill.contrib.django.settings import application


class WorkmillConfig(AppConfig):  # type: ignore[misc] # it has no types
    """Imports `tasks.py` of every installed app, so that whatever loads Django knows every task."""

    name = "workmill.contrib.django"
    label = "workmill"
    verbose_name = "Workmill"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Find the tasks; called by Django when all models are there.

        Raises:
            ConfigError: The setting `WORKMILL` is wrong.
        """
        register(check_application)
        application().surround(tidy)
        autodiscover_modules("tasks")
