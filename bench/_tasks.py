"""The tasks that the benches run: they do nothing, or tell when they began."""

import time

from workmill import App

app = App()


@app.task
async def nothing() -> None:
    """End at once, on the engine's loop."""


@app.task
def nothing_in_thread() -> None:
    """End at once, in a thread."""


@app.task
async def begin() -> int:
    """Return the machine's monotonic clock, which all its processes share, in nanoseconds."""
    return time.monotonic_ns()


@app.task
async def written(text: str) -> str:
    """Return what was given, as some tasks do."""
    return text


@app.task(keep=1)
async def fleeting() -> None:
    """End at once, and let the record of it go a second later."""
