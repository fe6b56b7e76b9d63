"""From where to look for what is due, so that what was taken away already is not read again and again.

What is deleted leaves dead rows at the front of its index. While somebody holds a transaction open nobody may clear
them away, and a look from the beginning takes ever longer. So a sweep goes on where the last one ended, a little
before that, because transactions commit later than they read the clock; now and then it looks from the beginning, for
those that took long.
"""

import time
from collections.abc import Callable

OVERLAP = 10_000_000
"""In microseconds."""
WHOLE_SECONDS = 60.0


class Sweep:
    """How far one index was swept by this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = 0
        self._whole_at = 0.0

    def start(self) -> int:
        """Return the moment from which to look."""
        if self._clock() < self._whole_at:
            return self._since
        self._whole_at = self._clock() + WHOLE_SECONDS
        return 0

    def reach(self, moment: int) -> None:
        """Note that nothing is left that was due before a moment."""
        self._since = max(moment - OVERLAP, 0)
