"""One action on all jobs that match a filter, with a look before it and a guard against a mistake."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from workmill.craft.client import Client, Session
from workmill.store import JobFilter
from workmill.words.errors import (
    CountChanged,
    InvalidArguments,
    InvalidOption,
    JobConflict,
    JobNotFound,
    ParentNotFound,
    QueueFull,
)
from workmill.words.job import FINAL_STATES, Job, JobState, NewJob

MOST_JOBS = 10_000
"""How many jobs one action takes at most."""
AT_ONCE = 1000
DIGITS = 32

_AGAINST_IT = (InvalidArguments, JobConflict, JobNotFound, ParentNotFound, QueueFull)
"""What stands against one job and not against the others."""


class Action(StrEnum):
    """What can be done to many jobs."""

    CANCEL = "cancel"
    """Those that are not over: as `cancel` does each of them."""
    RETRY = "retry"
    """Those that are over, unless said otherwise those that failed: as `retry` does each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What came of an action.

    Attributes:
        matched: How many jobs matched the filter.
        job_ids: Those that were done, or that would be: of a retry the new jobs.
        refused: What was not done, by job, and why: it has changed meanwhile, or a rule of its task stands against it.
    """

    matched: int
    job_ids: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()


def states_for(action: Action, states: Sequence[JobState]) -> tuple[JobState, ...]:
    """Return the states of the jobs that an action is for.

    Raises:
        InvalidOption: It cannot be done to jobs in one of them.
    """
    fitting = [state for state in JobState if state.is_final is (action is Action.RETRY)]
    for state in states:
        if state not in fitting:
            raise InvalidOption("states", state, f"{action} is for jobs that are {', '.join(fitting)}")
    if states:
        return tuple(states)
    return (JobState.FAILED,) if action is Action.RETRY else tuple(fitting)


async def matching(session: Session, wanted: JobFilter, expected: int | None) -> list[Job]:
    """Return the jobs that an action is for.

    Raises:
        CountChanged: They are not as many as were expected.
        InvalidOption: They are too many.
    """
    jobs: list[Job] = []
    cursor = None
    while len(jobs) <= MOST_JOBS:
        page = await session.store.find(wanted, limit=AT_ONCE, cursor=cursor)
        jobs += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            break
    if len(jobs) > MOST_JOBS:
        raise InvalidOption("filter", f"more than {MOST_JOBS:,} jobs", "narrow it; `purge` empties a whole queue")
    if expected is not None and expected != len(jobs):
        raise CountChanged(expected, len(jobs))
    return jobs


async def cancel_all(session: Session, jobs: Sequence[Job], reason: str | None, *, force: bool) -> Acted:
    """Cancel jobs; one that is over meanwhile is refused."""
    done: list[str] = []
    refused: list[tuple[str, str]] = []
    for start in range(0, len(jobs), AT_ONCE):
        part = jobs[start : start + AT_ONCE]
        after = await session.store.cancel([job.id for job in part], reason, force=force)
        for old, new in zip(part, after, strict=True):
            if new is None or (new.state in FINAL_STATES and new.state is not JobState.CANCELLED):
                refused.append((old.id, "it is over meanwhile"))
            else:
                done.append(new.id)
    return Acted(matched=len(jobs), job_ids=tuple(done), refused=tuple(refused))


async def retry_all(
    session: Session,
    client: Client,
    jobs: Sequence[Job],
    key: str | None,
    ruled: Callable[[Job], Callable[[NewJob], NewJob] | None],
) -> Acted:
    """Store a new job for each, once for each key; one that a rule of its task stands against is refused."""
    # A job's key is of a bounded length, and has to name the job that is repeated, too.
    word = None if key is None else sha256(key.encode()).hexdigest()[:DIGITS]
    done: list[str] = []
    refused: list[tuple[str, str]] = []
    for job in jobs:
        try:
            stored = await client.retry(session, job.id, None, word and f"{word} {job.id}", ruled(job))
        except _AGAINST_IT as error:
            refused.append((job.id, str(error)))
        else:
            done.append(stored.job.id)
    return Acted(matched=len(jobs), job_ids=tuple(done), refused=tuple(refused))
