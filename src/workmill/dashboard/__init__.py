"""The dashboard: an application's jobs, queues, schedules, flows and workers as pages, as an ASGI application."""

from workmill.dashboard.access import Access
from workmill.dashboard.dispatcher import asgi

__all__ = ["Access", "asgi"]
