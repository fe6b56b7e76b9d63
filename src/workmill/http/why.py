"""`GET /v1/jobs/{id}/why`: why a job does not run."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, why_document
from workmill.http.answer import json_answer
from workmill.http.query import Query


async def show_why(request: Request, app: App) -> Response:
    """Answer one reason, the most decisive, for machines and in a sentence."""
    Query(request, ())
    return json_answer(why_document(await app.awhy(request.path_params["id"])))
