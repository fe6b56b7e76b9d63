"""How far a request is: what its jobs say of themselves, and the results once they are there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeAlias

from pydantic import TypeAdapter

from examples.sentiment.analysis import Analysis
from examples.sentiment.mill import app as mill
from examples.sentiment.models import Request, State
from examples.sentiment.rounds import MOST_TRIES
from examples.sentiment.tasks import analysis_jobs
from examples.sentiment.tools import TOOLS, Tool
from workmill import Job, JobState

Shown: TypeAlias = dict[str, object]
ANALYSIS = TypeAdapter(Analysis)
WIDTH = 240
"""How wide the bar of shares is, in its own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One analysis as it is shown. `share` is how much of it is done, from 0 to 1."""

    tool: Tool
    about: str
    state: str
    share: float
    message: str
    worker: str
    seconds: float | None
    attempt: int
    found: Analysis | None

    @property
    def bar(self) -> list[tuple[str, float, float]]:
        """The shares of happy, neutral and sad lines: the kind, where it begins, and how wide it is."""
        if self.found is None:
            return []
        counts = {"happy": self.found.happy, "neutral": self.found.neutral, "sad": self.found.sad}
        scale, at, bar = WIDTH / sum(counts.values()), 0.0, list[tuple[str, float, float]]()
        for kind, count in counts.items():
            bar.append((kind, round(at, 2), round(count * scale, 2)))
            at += count * scale
        return bar


def progress(request: Request) -> Shown:
    """Return the rows of a request, and how long the whole took beside what its parts took."""
    jobs = {tool: handle.record for tool, handle in analysis_jobs(request).items()}
    names = {worker.id: worker.name for worker in mill.workers()} if jobs else {}
    kept = {each["tool"]: ANALYSIS.validate_python(each) for each in request.results or ()}
    rows = [_row(tool, jobs.get(tool), kept.get(tool), names) for tool in TOOLS]
    is_given_up = request.state == State.FAILURE and request.tries >= MOST_TRIES
    is_over = is_given_up or (request.state == State.SUCCESS and request.mailed_at is not None)
    return {"rows": rows, "is_over": is_over, **_times(list(jobs.values()))}


def document(request: Request) -> Shown:
    """Return all that is known of a request, as JSON."""
    shown = progress(request)
    rows = [{**asdict(row), "found": row.found and asdict(row.found)} for row in _rows(shown)]
    return {
        "id": str(request.id),
        "name": request.name,
        "lines": request.lines,
        "state": request.state,
        "round": request.round,
        "error": request.error or None,
        "mailed_at": request.mailed_at and request.mailed_at.isoformat(),
        "together_seconds": shown["together"],
        "summed_seconds": shown["summed"],
        "analyses": rows,
    }


def _rows(shown: Shown) -> list[Row]:
    rows = shown["rows"]
    return [row for row in rows if isinstance(row, Row)] if isinstance(rows, list) else []


def _row(tool: Tool, job: Job | None, kept: Analysis | None, names: Mapping[str, str]) -> Row:
    result = None if job is None else job.result
    found = kept or (None if result is None else ANALYSIS.validate_json(result))
    return Row(
        tool=tool,
        about=TOOLS[tool],
        state="succeeded" if found else "unassigned" if job is None else job.state.value,
        share=1.0 if found else _share(job),
        message=_message(job),
        worker=names.get(job.worker or "", "") if job else "",
        seconds=_seconds(job.started_at, job.finished_at) if job else None,
        attempt=job.attempt if job else 0,
        found=found,
    )


def _share(job: Job | None) -> float:
    progress = None if job is None else job.progress
    return round(progress.current / progress.total, 3) if progress is not None and progress.total else 0.0


def _message(job: Job | None) -> str:
    if job is None:
        return ""
    if job.state == JobState.CANCELLED:
        return job.cancel_reason or "cancelled"
    if job.state == JobState.RUNNING:
        return (job.progress.message or "") if job.progress is not None else ""
    return job.failure.message if job.failure is not None and job.state != JobState.SUCCEEDED else ""


def _times(jobs: list[Job]) -> Shown:
    ran = [(job.started_at, job.finished_at) for job in jobs if job.started_at and job.finished_at]
    if len(ran) < len(TOOLS):
        return {"together": None, "summed": None}
    together = _seconds(min(start for start, _ in ran), max(end for _, end in ran))
    return {"together": together, "summed": sum(_seconds(start, end) or 0.0 for start, end in ran)}


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
