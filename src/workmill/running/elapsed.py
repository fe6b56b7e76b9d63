"""Time that passes on this machine, its sleep included; every process on it counts the same.

It says how long a lease surely holds. The wall clock may be set, and the usual monotonic clock stands still while a
laptop or a virtual machine sleeps, which the store's clock does not.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Elapsed: TypeAlias = Callable[[], float]
"""Answers a number of seconds that only grows."""
Sleep: TypeAlias = Callable[[float], Awaitable[object]]
"""Waits for a number of seconds, or less where something happens."""


def elapsed() -> float:
    """Return the seconds since some moment in the past, the same one for all processes of this machine."""
    return time.clock_gettime(_CLOCK)
