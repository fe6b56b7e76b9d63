"""A clock that stands still until a test moves it."""

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 1, tzinfo=UTC)


class FakeClock:
    """What an application's store takes for the present: `App("memory://", clock=FakeClock())`.

    Safe to read and move from any thread.

    Example:
        ```python
        clock = FakeClock()
        app = App("memory://", clock=clock)
        clock.advance(60)
        ```

    Args:
        start: The moment it shows first, an aware datetime.

    Raises:
        ValueError: The start has no time zone.
    """

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start={start!r} has no time zone; write it like datetime(2030, 1, 1, tzinfo=UTC)")
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the present moment."""
        with self._lock:
            return self._now

    def advance(self, by: timedelta | float) -> datetime:
        """Move forward by a length of time or a number of seconds, and return the new present.

        Raises:
            ValueError: It is negative: time only goes forward.
        """
        length = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if length < timedelta(0):
            raise ValueError(f"by={by!r} would turn time back; give 0 or more")
        with self._lock:
            self._now += length
            return self._now

    def advance_to(self, moment: datetime) -> datetime:
        """Move forward to a moment, or stay where that is past already, and return the new present.

        Raises:
            ValueError: The moment has no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"moment={moment!r} has no time zone")
        with self._lock:
            self._now = max(self._now, moment.astimezone(UTC))
            return self._now
