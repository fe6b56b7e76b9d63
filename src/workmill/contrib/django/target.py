"""The project's application with Django set up, for processes that are started by name."""

from typing import TYPE_CHECKING

import django  # type: ignore[import-untyped] # it has no types
from django.apps import apps  # type: ignore[import-untyped] # it has no types

from workmill.contrib.django.settings import application

if TYPE_CHECKING:
    from workmill import App

    mill: App


def __getattr__(name: str) -> object:
    # Not on import: who only looks at this module must not set Django up.
    if name != "mill":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not apps.ready:
        django.setup()
    return application()
