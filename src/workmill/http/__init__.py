"""The HTTP door: tasks and jobs over HTTP, as an ASGI application."""

from workmill.http.door import asgi
from workmill.http.environment import from_environment

__all__ = ["asgi", "from_environment"]
