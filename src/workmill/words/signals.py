"""What a task raises to say how its attempt ends. Control flow, not errors; `Retry` is the third."""

from workmill.words.duration import Duration, checked_length


class Snooze(Exception):
    """Run this job again after a while, without counting this run as an attempt.

    Raises:
        InvalidOption: The delay is no length of time, or a negative one.
    """

    def __init__(self, after: Duration) -> None:
        super().__init__()
        self.after = checked_length("after", after)


class Cancel(Exception):
    """End this job as cancelled; it does not run again."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
