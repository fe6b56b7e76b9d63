"""Queues and limits: how they stand, and pausing, resuming, purging and limiting them."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, InvalidOption, QueueHandle, Rate, Scope, queue_document, rule_document
from workmill.http.answer import json_answer
from workmill.http.body import read_object
from workmill.http.fields import Field, Fields, nested, object_schema, seconds, text, whole
from workmill.http.parameters import LONGEST_DELAY_SECONDS
from workmill.http.problem import Document
from workmill.http.query import Query

LONGEST_NAME = 200

BY = text("by", "Who does it; said wherever somebody asks why a job does not run.", most=LONGEST_NAME)
EXPECTED = whole("expected_count", "How many jobs there are that have not begun.", least=0, is_required=True)
COUNT = whole("count", "How many attempts may begin.", least=1, is_required=True)
PER = seconds("per_seconds", "In which length of time.", most=LONGEST_DELAY_SECONDS, above_zero=True)
RUNNING = whole("running", "How many may run at a time; 0 lets none begin.", least=0)
WAITING = whole("waiting", "How many may be stored that do not run and are not over; of queues only.", least=0)


def _read_rate(value: object) -> Rate:
    if not isinstance(value, dict) or set(value) != {COUNT.name, PER.name}:
        raise ValueError(f"give an object of `{COUNT.name}` and `{PER.name}`")
    try:
        return Rate(COUNT.read(value[COUNT.name]), per=PER.read(value[PER.name]))
    except InvalidOption as error:  # shorter than there is a length of time for
        raise ValueError(error.remedy) from None


RATE: Field[Rate] = nested(
    "rate",
    "How many attempts may begin in any stretch of a length of time.",
    _read_rate,
    {**object_schema((COUNT, PER)), "required": [COUNT.name, PER.name]},
)
PAUSE, PURGE, LIMIT = (BY,), (EXPECTED,), (RUNNING, RATE, WAITING)


async def list_queues(request: Request, app: App) -> Response:
    """Answer `GET /v1/queues`."""
    Query(request, ())
    return json_answer({"items": [queue_document(info) for info in await app.aqueues()]})


async def show_queue(request: Request, app: App) -> Response:
    """Answer `GET /v1/queues/{queue}`; one that holds no job and that nothing was said of is empty, not unknown."""
    Query(request, ())
    return await _shown(_queue(request, app))


async def pause_queue(request: Request, app: App) -> Response:
    """Answer `POST /v1/queues/{queue}/pause`."""
    Query(request, ())
    queue = _queue(request, app)
    await queue.apause(Fields(await read_object(request), PAUSE).one(BY))
    return await _shown(queue)


async def resume_queue(request: Request, app: App) -> Response:
    """Answer `POST /v1/queues/{queue}/resume`."""
    Query(request, ())
    queue = _queue(request, app)
    Fields(await read_object(request), ())
    await queue.aresume()
    return await _shown(queue)


async def purge_queue(request: Request, app: App) -> Response:
    """Answer `POST /v1/queues/{queue}/purge`: every job that has not begun is cancelled."""
    Query(request, ())
    queue = _queue(request, app)
    fields = Fields(await read_object(request), PURGE)
    return json_answer({"cancelled": await queue.apurge(expected=fields.one(EXPECTED))})


async def list_limits(request: Request, app: App) -> Response:
    """Answer `GET /v1/limits`."""
    Query(request, ())
    return json_answer({"items": [rule_document(state) for state in await app.alimits()]})


async def put_limit(request: Request, app: App) -> Response:
    """Answer `PUT /v1/limits/{scope}/{name}`: what holds from now on, in place of what code declares."""
    Query(request, ())
    scope, name = _scope(request), request.path_params["name"]
    fields = Fields(await read_object(request), LIMIT)
    running, rate, waiting = fields.one(RUNNING), fields.one(RATE), fields.one(WAITING)
    if scope is Scope.QUEUE:
        await app.queue(name).alimit(running=running, rate=rate, waiting=waiting)
    elif waiting is not None:
        raise InvalidOption("waiting", waiting, "only a queue is bounded; leave it out")
    else:
        await app.alimit(scope, name, running=running, rate=rate)
    return await _limits_of(app, scope, name)


async def reset_limit(request: Request, app: App) -> Response:
    """Answer `DELETE /v1/limits/{scope}/{name}`: what was set by hand holds no more; safe to repeat."""
    Query(request, ())
    scope, name = _scope(request), request.path_params["name"]
    await app.areset_limit(scope, name)
    return await _limits_of(app, scope, name)


async def _limits_of(app: App, scope: Scope, name: str) -> Response:
    found = [state for state in await app.alimits() if (state.rule.scope, state.rule.name) == (scope, name)]
    return json_answer({"items": [rule_document(state) for state in found]})


async def _shown(queue: QueueHandle) -> Response:
    return json_answer(queue_document(await queue.ainfo()))


def _queue(request: Request, app: App) -> QueueHandle:
    return app.queue(request.path_params["queue"])


def _scope(request: Request) -> Scope:
    given = request.path_params["scope"]
    try:
        return Scope(given)
    except ValueError:
        raise InvalidOption("scope", given, f"give one of {', '.join(Scope)}") from None


def body_schemas() -> dict[str, Document]:
    """Return the schemas of the bodies that are read here."""
    return {
        "QueuePause": object_schema(PAUSE),
        "QueueResume": object_schema(()),
        "QueuePurge": object_schema(PURGE),
        "NewLimit": object_schema(LIMIT),
    }
