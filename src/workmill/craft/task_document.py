"""A task as the JSON document that every door shows."""

from workmill.craft.task import AnyTask
from workmill.words.codec import Json


def task_document(task: AnyTask) -> dict[str, Json]:
    """Return a task as JSON values."""
    policy = task.policy
    return {
        "name": task.name,
        "doc": task.doc,
        "queue": task.queue,
        "schema": task.schema,
        "result_schema": task.result_schema,
        "max_attempts": policy.max_attempts,
        "timeout_seconds": None if policy.timeout is None else policy.timeout.total_seconds(),
        "keep_seconds": policy.keep.total_seconds(),
    }
