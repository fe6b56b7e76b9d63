"""One task at a time: a FastAPI application that starts it, says how it goes, and cancels it."""

from examples.one_at_a_time.web import create_app

__all__ = ["create_app"]
