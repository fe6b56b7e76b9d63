"""A task as the JSON document that every door shows."""

from collections.abc import Mapping

from workmill.craft.task import AnyTask
from workmill.craft.template import Template
from workmill.craft.unique import Unique
from workmill.words.codec import Json
from workmill.words.limit import Rule, Scope


def task_document(task: AnyTask) -> dict[str, Json]:
    """Return a task as JSON values; one whose type hints cannot be served has a problem in place of its schemas."""
    policy, problem, isolation = task.policy, task.problem, task.isolation
    return {
        "name": task.name,
        "doc": task.doc,
        "queue": task.queue,
        "schema": None if problem else task.schema,
        "result_schema": None if problem else task.result_schema,
        "problem": problem,
        "max_attempts": policy.max_attempts,
        "timeout_seconds": None if policy.timeout is None else policy.timeout.total_seconds(),
        "keep_seconds": policy.keep.total_seconds(),
        "expires_seconds": None if policy.expires is None else policy.expires.total_seconds(),
        "unique": None if task.options.unique is None else _uniqueness(task.options.unique),
        "limits": [_limit(rule, dict(task.limits.keys)) for rule in task.limits.rules],
        "process": task.is_process,
        "grace_seconds": None if isolation is None else isolation.grace.total_seconds(),
        "memory_bytes": None if isolation is None else isolation.memory,
    }


def said(rule: Rule) -> dict[str, Json]:
    """Return what a rule says as JSON values."""
    rate = rule.rate
    return {
        "running": rule.running,
        "rate": None if rate is None else {"count": rate.count, "per_seconds": rate.per.total_seconds()},
        "waiting": rule.waiting,
    }


def _limit(rule: Rule, keys: Mapping[str, Template]) -> dict[str, Json]:
    key = keys[rule.name].text if rule.scope is Scope.KEY else None
    return {"scope": str(rule.scope), "name": rule.name, "key": key, **said(rule)}


def _uniqueness(unique: Unique) -> dict[str, Json]:
    return {
        "by": None if unique.by is None else list(unique.by),
        "key": None if unique.key is None else unique.key.text,
        "states": [str(state) for state in unique.states],
        "within_seconds": None if unique.within is None else unique.within.total_seconds(),
        "on_conflict": str(unique.on_conflict),
    }
