"""What has happened to a job, step by step, with how long each step took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workmill import Attempt, Ending, Failure, Job, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, or that is expected.

    Attributes:
        icon: A state whose icon and colour it has.
        took: How long it took, or how long was waited for it.
        is_coming: Whether it has not happened yet.
    """

    icon: str
    title: str
    at: datetime | None
    took: timedelta | None = None
    detail: str = ""
    failure: Failure | None = None
    is_coming: bool = False


_ENDINGS = {
    Ending.SUCCEEDED: (JobState.SUCCEEDED, "succeeded"),
    Ending.FAILED: (JobState.FAILED, "failed"),
    Ending.SNOOZED: (JobState.SCHEDULED, "asked to go on later"),
    Ending.CANCELLED: (JobState.CANCELLED, "was cancelled"),
    Ending.INTERRUPTED: (JobState.FAILED, "was lost with its worker"),
    Ending.RETURNED: (JobState.QUEUED, "was given back by its worker, uncounted"),
}


def timeline(job: Job, attempts: Sequence[Attempt], worker_names: dict[str, str]) -> list[Step]:
    """Return the steps of a job, first things first."""
    steps = [Step(icon=JobState.QUEUED, title="stored", at=job.created_at)]
    before = job.created_at
    for attempt in attempts:
        steps.append(_attempt(attempt, before, worker_names))
        before = attempt.ended_at
    return steps + _present(job, attempts, before, worker_names)


def _attempt(attempt: Attempt, before: datetime, worker_names: dict[str, str]) -> Step:
    icon, word = _ENDINGS[attempt.ending]
    waited = "" if attempt.started_at is None else _waited(attempt.started_at - before)
    return Step(
        icon=icon,
        title=f"attempt {attempt.number} {word}",
        at=attempt.started_at or attempt.ended_at,
        took=None if attempt.started_at is None else attempt.ended_at - attempt.started_at,
        detail=_joined(_on(attempt.worker, worker_names), waited),
        failure=attempt.failure,
    )


def _present(job: Job, attempts: Sequence[Attempt], before: datetime, worker_names: dict[str, str]) -> list[Step]:
    """Return what is under way or expected, and what ended a job that never ran."""
    steps: list[Step] = []
    if job.state is JobState.RUNNING and job.started_at is not None:
        detail = _joined(_on(job.worker, worker_names), _waited(job.started_at - before))
        steps.append(Step(icon=job.state, title=f"attempt {job.attempt} runs", at=job.started_at, detail=detail))
    if job.state in {JobState.SCHEDULED, JobState.RETRYING}:
        word = "may begin" if job.state is JobState.SCHEDULED else f"attempt {job.attempt + 1} begins"
        steps.append(Step(icon=job.state, title=word, at=job.run_at, is_coming=True))
    if job.cancel_requested_at is not None and not job.state.is_final:
        how = "its end was ordered" if job.cancel_forced else "it was asked to end"
        steps.append(Step(icon=JobState.CANCELLED, title=how, at=job.cancel_requested_at))
    if job.state.is_final and (not attempts or job.state is JobState.CANCELLED):
        steps.append(Step(icon=job.state, title=str(job.state), at=job.finished_at, detail=job.cancel_reason or ""))
    return steps


def _on(worker: str | None, worker_names: dict[str, str]) -> str:
    return "" if worker is None else f"on {worker_names.get(worker, worker)}"


def _waited(length: timedelta) -> str:
    seconds = length.total_seconds()
    return f"after {seconds:,.2f} s" if seconds >= 0.005 else ""


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
