"""When a failed job runs again."""

from dataclasses import dataclass
from datetime import timedelta

from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Delays between attempts: `first`, times `factor` after each failure, never above `most`.

    `jitter` spreads each delay by up to that share of itself in both directions, so that jobs which failed
    together do not return together. Near `most` it spreads downwards.
    """

    first: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    most: timedelta = timedelta(hours=1)
    jitter: float = 0.2

    def delay(self, failures: int, *, chance: float) -> timedelta:
        """Return the delay after the given number of failures (from 1), for a `chance` in [0, 1)."""
        if not self.first:
            return self.first
        longest = self.most.total_seconds() / (1 + self.jitter)  # so that the widest spread ends at `most`
        try:
            plain = self.first.total_seconds() * self.factor ** (failures - 1)
            spread = timedelta(seconds=min(plain, longest) * (1 + self.jitter * (2 * chance - 1)))
        except OverflowError:
            return self.most
        return min(spread, self.most)


class Retry(Exception):
    """Run a failed job again: as a task's option, how often and when; raised by a task, right now.

    As an option, `Retry(3)` allows three more attempts after the first. Raised inside a task,
    `raise Retry(after=30)` ends this attempt as failed and sets the delay before the next; how many attempts
    there are stays with the task's own option.

    Args:
        times: How many more attempts follow the first.
        after: Raised: the delay before the next attempt, in place of the backoff's.
        first: The delay after the first failure.
        factor: What each further failure multiplies the delay by.
        most: The longest delay.
        jitter: The share of itself by which a delay varies, from 0 to 1.
        on: The exceptions that are worth another attempt; any other fails the job at once.

    Raises:
        InvalidOption: A number is out of its range, or `on` names what is no exception class.
    """

    def __init__(
        self,
        times: int = 3,
        *,
        after: Duration | None = None,
        first: Duration = 1.0,
        factor: float = 2.0,
        most: Duration = 3600.0,
        jitter: float = 0.2,
        on: type[Exception] | tuple[type[Exception], ...] = Exception,
    ) -> None:
        super().__init__()
        _refuse_unless(isinstance(times, int) and times >= 0, "retry.times", times, "give a whole number, 0 or more")
        _refuse_unless(_is_number(factor) and factor >= 1, "retry.factor", factor, "give a number, 1 or more")
        _refuse_unless(_is_number(jitter) and 0 <= jitter <= 1, "retry.jitter", jitter, "give a share from 0 to 1")
        self.times = times
        self.after = None if after is None else checked_length("retry.after", after)
        self.backoff = Backoff(
            first=checked_length("retry.first", first),
            factor=factor,
            most=checked_length("retry.most", most),
            jitter=jitter,
        )
        self.on = on if isinstance(on, tuple) else (on,)
        for kind in self.on:
            known = isinstance(kind, type) and issubclass(kind, Exception)
            _refuse_unless(known, "retry.on", kind, "give an exception class or a tuple of them")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _refuse_unless(holds: bool, option: str, value: object, remedy: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise InvalidOption(option, value, remedy)
