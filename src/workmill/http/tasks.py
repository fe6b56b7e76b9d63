"""The catalogue: every registered task, with the JSON Schema of what it takes and gives."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import AnyTask, App
from workmill.http.answer import json_answer
from workmill.http.problem import Document
from workmill.http.query import Query


async def list_tasks(request: Request, app: App) -> Response:
    """Answer `GET /v1/tasks`."""
    Query(request, ())
    return json_answer({"items": [task_document(app.tasks[name]) for name in sorted(app.tasks)]})


async def show_task(request: Request, app: App) -> Response:
    """Answer `GET /v1/tasks/{task}`."""
    Query(request, ())
    return json_answer(task_document(app.task_named(request.path_params["task"])))


def task_document(task: AnyTask) -> Document:
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
