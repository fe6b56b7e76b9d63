"""Queues, rules and reasons as the JSON documents that every door shows."""

from workmill.craft.document import moment_text
from workmill.craft.queue import QueueInfo
from workmill.craft.task_document import said
from workmill.craft.why import Why
from workmill.store import RuleState
from workmill.words.codec import Json


def queue_document(info: QueueInfo) -> dict[str, Json]:
    """Return how a queue stands as JSON values."""
    pause = info.pause
    return {
        "name": info.name,
        "counts": {str(state): jobs for state, jobs in info.counts.items()},
        "unbegun": info.unbegun,
        "paused": pause is not None,
        "paused_since": None if pause is None else moment_text(pause.since),
        "paused_by": None if pause is None else pause.by,
        "limit": None if info.rule is None else rule_document(info.rule),
        "workers": [{"id": worker.id, "name": worker.name} for worker in info.workers],
    }


def rule_document(state: RuleState) -> dict[str, Json]:
    """Return a rule in force, and how it stands, as JSON values."""
    declared = state.declared
    return {
        **said(state.rule),
        "scope": str(state.rule.scope),
        "name": state.rule.name,
        "declared": None if declared is None else said(declared),
        "jobs_running": state.running,
    }


def why_document(why: Why) -> dict[str, Json]:
    """Return why a job does not run as JSON values."""
    return {"code": str(why.code), "sentence": why.sentence, "details": why.details}
