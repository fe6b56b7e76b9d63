"""Who may do what: made of the route table itself, so that no route can be forgotten."""

import base64
import re

import pytest
from starlette.requests import Request

from tests.dashboard.conftest import BROWSER, Browsing
from workmill import App, ConfigError
from workmill.dashboard import Access, asgi
from workmill.dashboard.route import Route, Table
from workmill.dashboard.table import ROUTES
from workmill.guard import SAFE_METHODS

TOKEN, READ_TOKEN = "correct-horse.battery", "staple"
UNSAFE = [route for route in ROUTES if route.method not in SAFE_METHODS]
PAGES = [route for route in ROUTES if route.method in SAFE_METHODS and route.needs > Access.NONE]


def path_of(route: Route) -> str:
    return re.sub(r"\{\w+\}", "x", route.path)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def basic(password: str) -> dict[str, str]:
    return {**BROWSER, "Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


@pytest.mark.parametrize("route", UNSAFE, ids=named)
async def test_who_may_only_read_gets_403_on_every_unsafe_route(browsing: Browsing, route: Route) -> None:
    reader = browsing(token=TOKEN, read_token=READ_TOKEN, headers=basic(READ_TOKEN))

    answer = await reader.request(route.method, path_of(route))

    assert answer.status_code == 403
    assert "You may not do this" in answer.text


@pytest.mark.parametrize("route", UNSAFE, ids=named)
async def test_nobody_changes_anything_where_the_dashboard_is_read_only(browsing: Browsing, route: Route) -> None:
    admin = browsing(token=TOKEN, read_only=True, headers=basic(TOKEN))

    assert (await admin.request(route.method, path_of(route))).status_code == 403


@pytest.mark.parametrize("route", [route for route in UNSAFE if route.needs is Access.ADMIN], ids=named)
async def test_who_operates_gets_403_on_every_route_of_admins(browsing: Browsing, route: Route) -> None:
    operator = browsing(access=lambda _: Access.OPERATE)

    assert (await operator.request(route.method, path_of(route))).status_code == 403


@pytest.mark.parametrize("route", [*PAGES, *UNSAFE], ids=named)
async def test_who_has_no_access_learns_nothing(browsing: Browsing, route: Route) -> None:
    nobody = browsing(access=lambda _: None)

    answer = await nobody.request(route.method, path_of(route))

    assert answer.status_code == 403
    assert "memory://" not in answer.text
    assert "<nav" not in answer.text


async def test_who_has_no_access_cannot_tell_which_addresses_there_are(browsing: Browsing) -> None:
    nobody = browsing(access=lambda _: Access.NONE)

    there, not_there = await nobody.get("/workers"), await nobody.get("/nothing")

    assert (there.status_code, there.text) == (not_there.status_code, not_there.text)


@pytest.mark.parametrize("headers", [basic(TOKEN), {"Authorization": f"Bearer {TOKEN}"}, basic(READ_TOKEN)])
async def test_a_token_lets_in_as_password_and_as_bearer(browsing: Browsing, headers: dict[str, str]) -> None:
    client = browsing(token=TOKEN, read_token=READ_TOKEN, headers=headers, client="192.0.2.7")

    assert (await client.get("/workers")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("wrong"),
        basic(""),
        {"Authorization": "Basic ???"},
        {"Authorization": f"Digest {TOKEN}"},
        {"Authorization": "Bearer wrong"},
    ],
)
async def test_without_the_right_token_a_browser_is_told_to_ask_for_it(
    browsing: Browsing, headers: dict[str, str]
) -> None:
    answer = await browsing(token=TOKEN, headers=headers).get("/workers")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        ("192.0.2.7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}),
        ("127.0.0.1", {"X-Forwarded-Host": "jobs.example"}),
        ("127.0.0.1", {"X-Real-IP": "192.0.2.7"}),
        ("127.0.0.1", {"CF-Connecting-IP": "192.0.2.7"}),
        ("127.0.0.1", {"Host": "jobs.example"}),
    ],
)
async def test_without_token_and_rule_nobody_gets_in_from_elsewhere(
    browsing: Browsing, client: str, headers: dict[str, str]
) -> None:
    answer = await browsing(client=client, hosts=["*"], headers=headers).get("/workers")

    assert answer.status_code == 403
    assert "access=" in answer.text


async def test_rule_may_be_awaited_and_sees_the_request(browsing: Browsing) -> None:
    async def rule(request: Request) -> Access:
        return Access.READ if request.headers.get("x-user") == "anna" else Access.NONE

    client = browsing(access=rule)

    assert (await client.get("/workers", headers={"X-User": "anna"})).status_code == 200
    assert (await client.get("/workers", headers={"X-User": "eve"})).status_code == 403


async def test_buttons_follow_the_access(browsing: Browsing, hand: object) -> None:  # noqa: ARG001 - a live worker
    admin, reader = browsing(), browsing(access=lambda _: Access.READ)

    assert "<form" in (await admin.get("/workers")).text.split("<main")[1].split("</main>")[0]
    assert "<form" not in (await reader.get("/workers")).text.split("<main")[1].split("</main>")[0]


@pytest.mark.parametrize("token", ["", "two words", "ünicode"])
def test_a_token_that_no_header_can_carry_is_refused(app: App, token: str) -> None:
    with pytest.raises(ConfigError, match="token"):
        asgi(app, token=token)


def test_a_route_that_changes_something_needs_more_than_reading() -> None:
    with pytest.raises(ValueError, match="OPERATE or ADMIN"):
        Route(method="POST", path="/x", name="x", needs=Access.READ, handler=ROUTES[0].handler)


def test_no_two_routes_take_the_same_request() -> None:
    table = Table(ROUTES)

    for route in ROUTES:
        assert table.find(route.method, path_of(route))[0] is route or "{" in route.path
