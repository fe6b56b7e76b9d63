"""The HTTP door: tasks and jobs over HTTP, as an ASGI application."""

from workmill.http.door import asgi
from workmill.http.environment import check_bind, from_environment

__all__ = ["asgi", "check_bind", "from_environment"]
