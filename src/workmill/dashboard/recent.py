"""What the jobs that ended lately say together: how many, how long they waited and ran, and what they failed of."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workmill import Job, JobState

WINDOW = timedelta(minutes=15)
BARS = 45
"""Into how many stretches the window is cut."""
SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many jobs ended in one stretch of time, and how high their bar is, in hundredths of the chart."""

    at: int
    succeeded: int
    failed: int
    succeeded_height: float
    failed_height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of one length of time, what half, 95 and 99 of a hundred jobs stayed below."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """The last fifteen minutes.

    Attributes:
        is_cut: Whether more jobs ended than were looked at.
        per_minute: How many ended in a minute, on average of the time that was looked at.
    """

    succeeded: int
    failed: int
    per_minute: float
    most: int
    bars: tuple[Bar, ...]
    spreads: tuple[Spread, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Failures of one task that look alike."""

    task: str
    type: str
    count: int
    newest: Job
    message: str


def recent(jobs: Sequence[Job], now: datetime, *, is_cut: bool) -> Recent:
    """Sum up jobs that have ended."""
    since = now - WINDOW
    inside = [job for job in jobs if job.finished_at is not None and job.finished_at > since]
    succeeded = [job for job in inside if job.state is JobState.SUCCEEDED]
    failed = [job for job in inside if job.state is JobState.FAILED]
    whole = is_cut and len(inside) == len(jobs)
    first = min((job.finished_at or now for job in inside), default=since) if whole else since
    minutes = max((now - first).total_seconds() / 60, 1 / 60)
    most, bars = _bars(succeeded, failed, since)
    return Recent(
        succeeded=len(succeeded),
        failed=len(failed),
        per_minute=(len(succeeded) + len(failed)) / minutes,
        most=most,
        bars=bars,
        spreads=(_spread("Wait", inside, _waited), _spread("Run", inside, _ran)),
        is_cut=whole,
    )


def troubles(failed: Iterable[Job]) -> list[Trouble]:
    """Put failures that look alike together, the most frequent first."""
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in failed:
        kind = "" if job.failure is None else job.failure.type or str(job.failure.kind)
        groups.setdefault((job.task, kind), []).append(job)
    found = [
        Trouble(task=task, type=kind, count=len(jobs), newest=jobs[0], message=_first_line(jobs[0]))
        for (task, kind), jobs in groups.items()
    ]
    return sorted(found, key=lambda each: -each.count)


def _first_line(job: Job) -> str:
    message = "" if job.failure is None else job.failure.message or ""
    return next(iter(message.splitlines()), "")


def _bars(succeeded: Sequence[Job], failed: Sequence[Job], since: datetime) -> tuple[int, tuple[Bar, ...]]:
    good, bad = _counted(succeeded, since), _counted(failed, since)
    most = max(map(sum, zip(good, bad, strict=True)))
    scale = 100 / (most or 1)
    bars = tuple(
        Bar(at=at, succeeded=ups, failed=downs, succeeded_height=ups * scale, failed_height=downs * scale)
        for at, (ups, downs) in enumerate(zip(good, bad, strict=True))
        if ups or downs
    )
    return most, bars


def _counted(jobs: Iterable[Job], since: datetime) -> list[int]:
    counts = [0] * BARS
    for job in jobs:
        if job.finished_at is not None:
            counts[min(int((job.finished_at - since) / WINDOW * BARS), BARS - 1)] += 1
    return counts


def _spread(name: str, jobs: Iterable[Job], length: Callable[[Job], timedelta | None]) -> Spread:
    lengths = sorted(took.total_seconds() for took in map(length, jobs) if took is not None)
    return Spread(name=name, values=tuple(_below(lengths, share) for share in SHARES) if lengths else ())


def _below(lengths: Sequence[float], share: float) -> float:
    return lengths[min(math.ceil(len(lengths) * share), len(lengths)) - 1]


def _waited(job: Job) -> timedelta | None:
    # Of a job that was tried again only the whole is known: what lay between its attempts is not waiting.
    if job.started_at is None or job.attempt != 1:
        return None
    return job.started_at - max(job.created_at, job.run_at or job.created_at)


def _ran(job: Job) -> timedelta | None:
    return None if job.started_at is None or job.finished_at is None else job.finished_at - job.started_at
