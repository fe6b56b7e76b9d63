"""`/v1/flows`: look at flows, cancel and retry them."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, FlowHandle, JobConflict, flow_document, graph_document
from workmill.http.answer import address, json_answer
from workmill.http.body import read_object
from workmill.http.fields import Fields, object_schema, text
from workmill.http.parameters import CURSOR, LIMIT, USUAL_PAGE
from workmill.http.problem import FLOW_STATE, Document, Problem
from workmill.http.query import Query

MOST_NODES = 5000
LONGEST_REASON = 1000

REASON = text("reason", "Why; it is kept with the jobs.", most=LONGEST_REASON)
CANCEL = (REASON,)
FILTERS = (LIMIT, CURSOR)


async def list_flows(request: Request, app: App) -> Response:
    """Answer `GET /v1/flows`."""
    query = Query(request, FILTERS)
    page = await app.aflows(limit=query.one(LIMIT) or USUAL_PAGE, cursor=query.one(CURSOR))
    return json_answer({"items": [flow_document(flow) for flow in page.flows], "next_cursor": page.next_cursor})


async def show_flow(request: Request, app: App) -> Response:
    """Answer `GET /v1/flows/{id}`."""
    Query(request, ())
    return await _shown(await _handle(request, app))


async def cancel_flow(request: Request, app: App) -> Response:
    """Answer `POST /v1/flows/{id}/cancel`; safe to repeat."""
    Query(request, ())
    fields = Fields(await read_object(request), CANCEL)
    handle = await _handle(request, app)
    await handle.acancel(fields.one(REASON))
    return await _shown(handle)


async def retry_flow(request: Request, app: App) -> Response:
    """Answer `POST /v1/flows/{id}/retry`: 202 with the new flow."""
    Query(request, ())
    Fields(await read_object(request), ())
    handle = await _handle(request, app)
    try:
        new = await handle.aretry()
    except JobConflict as error:
        raise Problem(FLOW_STATE, str(error), members={"id": handle.id, "job": error.job_id}) from None
    return await _shown(new, status=202, headers={"Location": address(request, f"/v1/flows/{new.id}")})


async def _handle(request: Request, app: App) -> FlowHandle:
    return await app.aflow(request.path_params["id"])


async def _shown(handle: FlowHandle, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    document = flow_document(await handle.astatus())
    return json_answer(
        {**document, **graph_document(await handle.anodes(), MOST_NODES)}, status=status, headers=headers
    )


def body_schemas() -> dict[str, Document]:
    """Return the schemas of the bodies that are read here."""
    return {"FlowCancellation": object_schema(CANCEL), "FlowRepetition": object_schema(())}
