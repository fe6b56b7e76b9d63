"""One limit: what code declares, what was set by hand, and setting it."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import InvalidOption, Rate, RuleState, Scope
from workmill.dashboard.access import Access
from workmill.dashboard.body import Sent, read_form
from workmill.dashboard.door import Door
from workmill.dashboard.route import Route
from workmill.dashboard.said import said
from workmill.dashboard.typed import seconds, whole

FIELDS = ("running", "count", "per", "waiting")


async def show_limit(request: Request, door: Door) -> Response:
    """Answer `GET /limits/{scope}/{name}`."""
    scope, name = _named(request)
    state = await _state(door, scope, name)
    return _shown(request, door, state, _typed(state))


async def set_limit(request: Request, door: Door) -> Response:
    """Answer `POST /limits/{scope}/{name}`: what holds from now on."""
    scope, name = _named(request)
    form = await read_form(request)
    try:
        await _set(door, scope, name, form)
    except InvalidOption as error:
        typed = {field: form.one(field) for field in FIELDS}
        return _shown(request, door, await _state(door, scope, name), typed, refusal=str(error))
    return door.redirect(request, "limit", scope=scope, name=name, query={"said": "limited"})


async def reset_limit(request: Request, door: Door) -> Response:
    """Answer `POST /limits/{scope}/{name}/reset`: what code declares holds again, or nothing does."""
    scope, name = _named(request)
    await door.app.areset_limit(scope, name)
    return door.redirect(request, "limit", scope=scope, name=name, query={"said": "limit-reset"})


async def _set(door: Door, scope: Scope, name: str, form: Sent) -> None:
    running, waiting = whole("running", form.one("running")), whole("waiting", form.one("waiting"))
    rate = _rate(form)
    if scope is Scope.QUEUE:
        await door.app.queue(name).alimit(running=running, rate=rate, waiting=waiting)
    else:
        await door.app.alimit(scope, name, running=running, rate=rate)


def _rate(form: Sent) -> Rate | None:
    count, per = whole("count", form.one("count")), seconds("per", form.one("per"))
    if count is None and per is None:
        return None
    if count is None or per is None:
        raise InvalidOption("rate", form.one("count") or form.one("per"), "give both how many and in how many seconds")
    return Rate(count, per=per)


def _shown(
    request: Request, door: Door, state: RuleState | None, typed: dict[str, str], *, refusal: str = ""
) -> Response:
    scope, name = _named(request)
    values = {
        "said": said(request),
        "scope": str(scope),
        "name": name,
        "state": state,
        "typed": typed,
        "refusal": refusal,
    }
    return door.render(request, "limit.html", values, status=422 if refusal else 200)


async def _state(door: Door, scope: Scope, name: str) -> RuleState | None:
    limits = await door.app.alimits()
    return next((state for state in limits if (state.rule.scope, state.rule.name) == (scope, name)), None)


def _typed(state: RuleState | None) -> dict[str, str]:
    if state is None:
        return dict.fromkeys(FIELDS, "")
    rule = state.rule
    values = (
        rule.running,
        None if rule.rate is None else rule.rate.count,
        None if rule.rate is None else f"{rule.rate.per.total_seconds():g}",
        rule.waiting,
    )
    return {field: "" if value is None else str(value) for field, value in zip(FIELDS, values, strict=True)}


def _named(request: Request) -> tuple[Scope, str]:
    given, name = request.path_params["scope"], request.path_params["name"]
    try:
        return Scope(given), name
    except ValueError:
        raise InvalidOption("scope", given, f"give one of {', '.join(Scope)}") from None


ROUTES = (
    Route(method="GET", path="/limits/{scope}/{name}", name="limit", needs=Access.READ, handler=show_limit),
    Route(method="POST", path="/limits/{scope}/{name}", name="limit", needs=Access.ADMIN, handler=set_limit),
    Route(
        method="POST", path="/limits/{scope}/{name}/reset", name="limit_reset", needs=Access.ADMIN, handler=reset_limit
    ),
)
