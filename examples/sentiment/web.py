"""The web half as a WSGI application: takes texts, says how far they are, never analyses."""

from collections.abc import Callable
from typing import TypeAlias, cast

from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped] # it has no types

from examples.sentiment import ready as ready  # noqa: PLC0414 - before the models
from examples.sentiment.migrating import migrate
from examples.sentiment.mill import app as mill

Wsgi: TypeAlias = Callable[[dict[str, object], Callable[..., object]], object]


def create_app() -> Wsgi:
    """Return the application, with its tables in place. It may be mounted below any path."""
    migrate(mill)
    return cast("Wsgi", get_wsgi_application())
