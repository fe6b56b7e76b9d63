"""What a forked copy of an engine child may do: the work of the task that forked it, and nothing of the engine's.

A copy whose task returns, or awaits, would go on as an engine: claim, run and settle, on the original's connections and
under its name. It ends instead, before the event loop takes its next step. What it starts by `exec`, and what it ends
by itself, is its own business.
"""

import os
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable

COPY_ENDED = 1
"""The exit code of a copy that came back from its task."""


def end_copies(loop: AbstractEventLoop, abandon: Callable[[], None]) -> None:
    """See to it that forked copies of this process never turn the loop.

    Args:
        loop: The loop that is the original's alone.
        abandon: Is called in the copy, to let go of what else is the original's.
    """

    def become_copy() -> None:
        abandon()
        # No public way keeps a running loop from its next step. Both are looked up on the object, at each use.
        vars(loop)["_ready"] = _Steps([None])
        vars(loop)["call_soon_threadsafe"] = _end

    os.register_at_fork(after_in_child=become_copy)


class _Steps(deque[object]):
    """The steps that a copy's loop is to take: there is none it survives."""

    def popleft(self) -> object:
        """End the copy."""
        _end()
        return None


def _end(*_: object, **__: object) -> None:
    os._exit(COPY_ENDED)
