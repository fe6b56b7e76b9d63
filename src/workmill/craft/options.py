"""What is set beside a call's arguments: where, when and how often it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workmill.craft.following import refuse_loose_steps
from workmill.craft.isolation import Isolation
from workmill.craft.limits import Limit
from workmill.craft.unique import Unique
from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.policy import Policy
from workmill.words.retry import Retry
from workmill.words.ties import After

if TYPE_CHECKING:
    from workmill.craft.when import When

LOWEST, HIGHEST = -100, 100
LARGEST_BATCH = 50_000


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
    unique: Unique | None = None
    after: After | None = None
    then: tuple[NewJob, ...] = ()
    on_error: tuple[NewJob, ...] = ()
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What is said where a task is declared, and of no single call.

    Attributes:
        retry_on: The exceptions that are worth another attempt.
        isolation: How its jobs run that get a process of their own; None where they get none.
        limits: How many of its jobs may run or begin.
        schedule: When its jobs are made, without arguments; None where nothing makes them.
        channel: The channel of which each message makes a job; None where none does.
    """

    retry_on: tuple[type[Exception], ...] = (Exception,)
    isolation: Isolation | None = None
    limits: tuple[Limit, ...] = ()
    schedule: When | None = None
    channel: str | None = None


def check_priority(priority: int) -> int:
    """Return `priority` if it may be one.

    Raises:
        InvalidOption: It is not a whole number from -100 to 100.
    """
    if isinstance(priority, bool) or not isinstance(priority, int) or not LOWEST <= priority <= HIGHEST:
        raise InvalidOption("priority", priority, f"give a whole number from {LOWEST} to {HIGHEST}; higher runs first")
    return priority


def checked_unique(unique: Unique | None) -> Unique | None:
    """Return what was given for `unique`.

    Raises:
        InvalidOption: It is no `Unique`.
    """
    if unique is not None and not isinstance(unique, Unique):
        raise InvalidOption("unique", unique, "give a Unique, such as Unique() or Unique(by=())")
    return unique


def checked_schedule(schedule: When | None) -> When | None:
    """Return what was given for `schedule`.

    Raises:
        InvalidOption: It is no time.
    """
    if schedule is None:
        return None
    from workmill.craft.when import check_when  # noqa: PLC0415 - loaded by who has schedules

    return check_when(schedule)


def checked_wait(wait: Duration | None, connection: object | None) -> timedelta | None:
    """Return how long an enqueue waits for room in a full queue.

    Raises:
        InvalidOption: It is no length of time, or the job is to be stored in a transaction of the caller's.
    """
    if wait is not None and connection is not None:
        remedy = "room comes when others commit, and your transaction stays open meanwhile; leave one of the two out"
        raise InvalidOption("wait", wait, remedy)
    return None if wait is None else checked_length("wait", wait)


def checked_batch(jobs: Sequence[NewJob], connection: object | None, wait: Duration | None) -> timedelta | None:
    """Refuse what cannot be stored at once; return how long to wait for room.

    Raises:
        InvalidOption: There are more than 50,000 jobs, one is a step that follows nobody, or the wait is none.
    """
    if len(jobs) > LARGEST_BATCH:
        remedy = f"one transaction takes up to {LARGEST_BATCH:,} of them; store them in several"
        raise InvalidOption("jobs", f"{len(jobs):,} jobs", remedy)
    refuse_loose_steps(jobs)
    return checked_wait(wait, connection)


def changed_policy(
    policy: Policy,
    *,
    retry: Retry | None,
    timeout: Duration | None,
    keep: Duration | None,
    expires: Duration | None = None,
) -> Policy:
    """Return a policy with what is given in place of what it had.

    Raises:
        InvalidOption: A length of time is negative or, where that means nothing, zero, or `retry` is no `Retry`.
    """
    if retry is not None and not isinstance(retry, Retry):
        raise InvalidOption("retry", retry, "give a Retry, such as Retry(3)")
    if retry is not None:
        policy = replace(policy, max_attempts=retry.times + 1, backoff=retry.backoff)
    if timeout is not None:
        policy = replace(policy, timeout=_above_zero("timeout", timeout))
    if keep is not None:
        policy = replace(policy, keep=checked_length("keep", keep))
    if expires is not None:
        policy = replace(policy, expires=_above_zero("expires", expires))
    return policy


def _above_zero(option: str, duration: Duration) -> timedelta:
    length = checked_length(option, duration)
    if not length:
        raise InvalidOption(option, duration, "give more than 0 seconds")
    return length
