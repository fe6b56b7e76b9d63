"""The catalogue: every registered task, with the JSON Schema of what it takes and gives."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, task_document
from workmill.http.answer import json_answer
from workmill.http.query import Query


async def list_tasks(request: Request, app: App) -> Response:
    """Answer `GET /v1/tasks`."""
    Query(request, ())
    return json_answer({"items": [task_document(app.tasks[name]) for name in sorted(app.tasks)]})


async def show_task(request: Request, app: App) -> Response:
    """Answer `GET /v1/tasks/{task}`."""
    Query(request, ())
    return json_answer(task_document(app.task_named(request.path_params["task"])))
