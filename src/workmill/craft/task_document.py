"""A task as the JSON document that every door shows."""

from workmill.craft.task import AnyTask
from workmill.words.codec import Json


def task_document(task: AnyTask) -> dict[str, Json]:
    """Return a task as JSON values; one whose type hints cannot be served has a problem in place of its schemas."""
    policy, problem = task.policy, task.problem
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
    }
