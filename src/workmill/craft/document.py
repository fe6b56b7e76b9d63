"""What every door shows as JSON: HTTP bodies, `--json` and the dashboard agree by construction."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workmill.words.codec import Json, load
from workmill.words.job import Attempt, Job, Progress
from workmill.words.outcome import Failure

if TYPE_CHECKING:
    from workmill.store import Worker


def job_document(job: Job) -> dict[str, Json]:
    """Return a job as JSON values. Times are RFC 3339 in UTC."""
    return {
        "id": job.id,
        "task": job.task,
        "queue": job.queue,
        "priority": job.priority,
        "state": str(job.state),
        "done": job.state.is_final,
        "attempt": job.attempt,
        "max_attempts": job.policy.max_attempts,
        "deaths": job.deaths,
        "progress": None if job.progress is None else _progress(job.progress),
        "args": value_of(job.args),
        "result": None if job.result is None else value_of(job.result),
        "error": None if job.failure is None else failure_document(job.failure),
        "key": job.key,
        "worker": job.worker,
        "created_at": moment_text(job.created_at),
        "run_at": moment_text(job.run_at),
        "started_at": moment_text(job.started_at),
        "finished_at": moment_text(job.finished_at),
        "expires_at": moment_text(job.expires_at),
        "cancel_requested_at": moment_text(job.cancel_requested_at),
        "cancel_reason": job.cancel_reason,
        "cancel_forced": job.cancel_forced,
        "retry_of": job.retry_of,
        "flow": None if job.ties is None else job.ties.flow,
        "schedule": None if job.ties is None else job.ties.schedule,
        "tick": None if job.ties is None else moment_text(job.ties.tick),
        "version": job.version,
    }


def attempt_document(attempt: Attempt) -> dict[str, Json]:
    """Return one attempt as JSON values."""
    return {
        "number": attempt.number,
        "worker": attempt.worker,
        "started_at": moment_text(attempt.started_at),
        "ended_at": moment_text(attempt.ended_at),
        "ending": str(attempt.ending),
        "error": None if attempt.failure is None else failure_document(attempt.failure),
    }


def worker_document(worker: Worker) -> dict[str, Json]:
    """Return a worker as JSON values."""
    return {
        "id": worker.id,
        "name": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "queues": None if worker.queues is None else list(worker.queues),
        "tasks": list(worker.tasks),
        "concurrency": worker.concurrency,
        "running": worker.running,
        "live": worker.is_live,
        "leader": worker.is_leader,
        "order": str(worker.order),
        "started_at": moment_text(worker.started_at),
        "lease_ends_at": moment_text(worker.lease_ends_at),
    }


def failure_document(failure: Failure) -> dict[str, Json]:
    """Return a failure as JSON values."""
    return {
        "kind": str(failure.kind),
        "type": failure.type,
        "message": failure.message,
        "traceback": failure.traceback,
    }


def _progress(progress: Progress) -> dict[str, Json]:
    share = progress.current / progress.total if progress.total else None
    return {
        "value": None if share is None else min(max(share, 0.0), 1.0),
        "current": progress.current,
        "total": progress.total,
        "message": progress.message,
    }


def value_of(text: bytes) -> Json:
    """Return the JSON value that a text holds; None where it holds none."""
    try:
        return load(text)
    except ValueError:
        return None  # A damaged row is still shown; what is wrong with it stands in its error.


def moment_text(moment: datetime | None) -> str | None:
    """Return a moment as RFC 3339 text in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
