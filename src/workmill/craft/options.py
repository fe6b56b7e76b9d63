"""What is set beside a call's arguments: where, when and how often it runs."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption
from workmill.words.policy import Policy
from workmill.words.retry import Retry

LOWEST, HIGHEST = -100, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is set beside a call's arguments: where, when and how often it runs."""

    queue: str = "default"
    priority: int = 0
    policy: Policy = field(default_factory=Policy)
    key: str | None = None
    delay: timedelta | None = None
    run_at: datetime | None = None
    connection: object | None = None


def check_priority(priority: int) -> int:
    """Return `priority` if it may be one.

    Raises:
        InvalidOption: It is not a whole number from -100 to 100.
    """
    if isinstance(priority, bool) or not isinstance(priority, int) or not LOWEST <= priority <= HIGHEST:
        raise InvalidOption("priority", priority, f"give a whole number from {LOWEST} to {HIGHEST}; higher runs first")
    return priority


def changed_policy(policy: Policy, *, retry: Retry | None, timeout: Duration | None, keep: Duration | None) -> Policy:
    """Return a policy with what is given in place of what it had.

    Raises:
        InvalidOption: A length of time is negative, a time limit is zero, or `retry` is no `Retry`.
    """
    if retry is not None and not isinstance(retry, Retry):
        raise InvalidOption("retry", retry, "give a Retry, such as Retry(3)")
    if retry is not None:
        policy = replace(policy, max_attempts=retry.times + 1, backoff=retry.backoff)
    if timeout is not None:
        policy = replace(policy, timeout=_above_zero("timeout", timeout))
    if keep is not None:
        policy = replace(policy, keep=checked_length("keep", keep))
    return policy


def _above_zero(option: str, duration: Duration) -> timedelta:
    length = checked_length(option, duration)
    if not length:
        raise InvalidOption(option, duration, "give more than 0 seconds")
    return length
