"""What a task raises to say how its attempt ends. Control flow, not errors; `Retry` is the third."""

from datetime import timedelta

from workmill.words.duration import Duration, as_timedelta
from workmill.words.errors import InvalidOption


class Snooze(Exception):
    """Run this job again after a while, without counting this run as an attempt.

    Raises:
        InvalidOption: The delay is negative.
    """

    def __init__(self, after: Duration) -> None:
        super().__init__()
        self.after = as_timedelta(after)
        if self.after < timedelta(0):
            raise InvalidOption("after", after, "give 0 seconds or more")


class Cancel(Exception):
    """End this job as cancelled; it does not run again."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
