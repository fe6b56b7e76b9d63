"""Django: an installed app that finds tasks, runs workers, serves the dashboard and is a backend of Django's own tasks.

`mill` is the project's one Workmill application: what the setting `WORKMILL` names or describes.
"""

from typing import TYPE_CHECKING

from workmill.contrib.extras import missing

try:
    from workmill.contrib.django.settings import application
except ModuleNotFoundError as error:
    raise missing("django", error) from error
from workmill.dashboard import Access

if TYPE_CHECKING:
    from workmill import App

    mill: App

__all__ = ["Access", "mill"]

if not TYPE_CHECKING:  # a type checker must see which names there are

    def __getattr__(name: str) -> object:
        # Not on import: Django imports this module while it is still reading who there is.
        if name != "mill":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return application()
