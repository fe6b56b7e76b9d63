"""How long a connection waits for a lock that another one has."""

import random
import time
from collections.abc import Callable

PATIENCE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 0.01


def patience() -> Callable[[int], bool]:
    """Make a busy handler: short pauses that grow and differ, until the deadline."""
    deadline = 0.0

    def wait(tries: int) -> bool:
        nonlocal deadline
        if tries == 0:
            deadline = time.monotonic() + PATIENCE_SECONDS
        if time.monotonic() > deadline:
            return False
        longest = min(LONGEST_PAUSE_SECONDS, 0.0002 * 2 ** min(tries, 10))
        time.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads waits, guards nothing
        return True

    return wait
