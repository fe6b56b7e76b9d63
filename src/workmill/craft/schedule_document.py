"""Schedules as the JSON documents that every door shows."""

from collections.abc import Sequence
from datetime import datetime

from workmill.craft.document import failure_document, moment_text, value_of
from workmill.craft.schedule_handle import edition_of
from workmill.words.codec import Json
from workmill.words.job import Job
from workmill.words.schedule import Schedule


def schedule_document(schedule: Schedule, following: Sequence[datetime]) -> dict[str, Json]:
    """Return a schedule as JSON values, with the times at which it makes its next jobs."""
    plan = schedule.plan
    return {
        "name": plan.name,
        "when": plan.when,
        "task": plan.task,
        "queue": plan.queue,
        "priority": plan.priority,
        "args": value_of(plan.args),
        "overlap": str(plan.overlap),
        "missed": str(plan.missed),
        "declared": schedule.is_declared,
        "active": schedule.is_active,
        "next_at": moment_text(schedule.next_at),
        "next": [moment_text(moment) for moment in following],
        "last_at": moment_text(schedule.last_at),
        "last_job": schedule.last_job,
        "created_at": moment_text(schedule.created_at),
        "changed_at": moment_text(schedule.changed_at),
        "edition": edition_of(schedule),
        "version": schedule.version,
    }


def outcome_document(job: Job) -> dict[str, Json]:
    """Return what became of one job of a schedule as JSON values."""
    return {
        "id": job.id,
        "state": str(job.state),
        "tick": None if job.ties is None else moment_text(job.ties.tick),
        "created_at": moment_text(job.created_at),
        "started_at": moment_text(job.started_at),
        "finished_at": moment_text(job.finished_at),
        "error": None if job.failure is None else failure_document(job.failure),
    }
