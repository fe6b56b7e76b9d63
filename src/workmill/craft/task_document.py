"""A task as the JSON document that every door shows."""

from workmill.craft.task import AnyTask
from workmill.words.codec import Json


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
        "process": task.is_process,
        "grace_seconds": None if isolation is None else isolation.grace.total_seconds(),
        "memory_bytes": None if isolation is None else isolation.memory,
    }
