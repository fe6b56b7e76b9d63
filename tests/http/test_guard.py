import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.types import ASGIApp

from tests.http.exchange import Exchange
from workmill import App
from workmill.http import asgi

TOKEN = "correct-horse.battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def speaking_to(api: ASGIApp) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=api), base_url="http://localhost")


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST:1", "127.0.0.1:8000", "127.8.9.1", "[::1]", "[::1]:8000"],
)
async def test_loopback_names_are_answered(client: AsyncClient, host: str) -> None:
    answer = await client.get("/v1/tasks", headers={"Host": host})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.0.2.1",
        "[::2]:80",
        "x:y",
    ],
)
async def test_any_other_host_is_421(client: AsyncClient, host: str) -> None:
    answer = await client.get("/v1/tasks", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.json()["type"] == "urn:workmill:problem:wrong-host"


@pytest.mark.parametrize("host", ["api.example", "API.example:8443", "other.example:81"])
async def test_hosts_that_were_given_are_answered(app: App, host: str) -> None:
    async with speaking_to(asgi(app, hosts=["api.example", "other.example:81"])) as client:
        answer = await client.get("/v1/tasks", headers={"Host": host})

    assert answer.status_code == 200


async def test_a_host_given_with_a_port_is_answered_at_that_port_only(app: App) -> None:
    async with speaking_to(asgi(app, hosts=["other.example:81"])) as client:
        answer = await client.get("/v1/tasks", headers={"Host": "other.example:82"})

    assert answer.status_code == 421


async def test_any_host_is_answered_behind_a_server_that_checked_it(app: App) -> None:
    async with speaking_to(asgi(app, hosts=["*"])) as client:
        answer = await client.get("/v1/tasks", headers={"Host": "whatever.example"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("server", "status"), [("192.0.2.7", 200), ("192.0.2.8", 421), ("a.example", 421), (None, 421)]
)
async def test_the_servers_own_address_is_answered_but_no_name_for_it(
    app: App, server: str | None, status: int
) -> None:
    host = "a.example" if server == "a.example" else "192.0.2.7:8000"

    exchange = Exchange.begin(asgi(app), "GET", "/v1/tasks", headers={"host": host})
    async with exchange as begun:
        begun.scope["server"] = server and (server, 8000)
        answered, _ = await begun.start()

    assert answered == status


@pytest.mark.parametrize("hosts", [[], [b"localhost", b"evil.example"], [b""]])
async def test_a_request_needs_exactly_one_host(app: App, hosts: list[bytes]) -> None:
    async with Exchange.begin(asgi(app), "GET", "/v1/tasks") as exchange:
        exchange.scope["headers"] = [(b"host", host) for host in hosts]
        status, headers = await exchange.start()

    assert status == 400
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Origin": ""},
    ],
)
async def test_a_page_of_another_site_changes_nothing(app: App, client: AsyncClient, headers: dict[str, str]) -> None:
    submitted = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers=headers)
    job_id = (await app.tasks["add"].aenqueue(1)).id
    cancelled = await client.post(f"/v1/jobs/{job_id}/cancel", headers=headers)

    assert (submitted.status_code, cancelled.status_code) == (403, 403)
    assert submitted.json()["type"] == "urn:workmill:problem:cross-site-request"
    assert [job.state for job in (await app.ajobs()).jobs] == ["queued"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "https://LOCALHOST"},
    ],
)
async def test_the_own_site_and_programs_may_submit(client: AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.post("/v1/tasks/add/jobs", json={"a": 1}, headers=headers)

    assert answer.status_code == 202


async def test_a_token_stands_above_the_cross_site_rule(app: App) -> None:
    async with speaking_to(asgi(app, token=TOKEN)) as client:
        answer = await client.post("/v1/tasks/tick/jobs", headers={**BEARER, "Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}, x",
        "Bearer ä",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/tasks"),
        ("POST", "/v1/tasks/tick/jobs"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
        ("DELETE", "/v1/jobs"),
    ],
)
async def test_without_the_token_everything_is_the_same_401(
    app: App, authorization: str | None, method: str, path: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}

    async with speaking_to(asgi(app, token=TOKEN)) as client:
        answer = await client.request(method, path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="workmill"'
    assert answer.json() == {
        "type": "urn:workmill:problem:unauthenticated",
        "title": "A valid bearer token is needed",
        "status": 401,
        "detail": "send the header `Authorization: Bearer <token>` with this server's token",
    }
    assert not (await app.ajobs()).jobs


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_with_the_token_everything_is_open(app: App, scheme: str) -> None:
    async with speaking_to(asgi(app, token=TOKEN)) as client:
        answer = await client.get("/v1/tasks", headers={"Authorization": f"{scheme} {TOKEN}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_needs_neither_host_nor_token_and_tells_nothing(app: App, path: str) -> None:
    async with speaking_to(asgi(app, token=TOKEN)) as client:
        answer = await client.get(path, headers={"Host": "10.0.0.7:8000"})

    assert answer.status_code == 200
    assert answer.json() in [{"alive": True}, {"ready": True}]


async def test_there_is_no_cors(client: AsyncClient) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    for method in ("OPTIONS", "GET"):
        answer = await client.request(method, "/v1/jobs", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/jobs/x", "/nothing", "/livez", "/openapi.json"])
async def test_every_answer_says_how_it_may_be_used(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"


async def test_looking_changes_nothing(app: App, client: AsyncClient) -> None:
    handle = await app.tasks["add"].aenqueue(1)

    for path in ("", "/result", "/attempts", "/cancel"):
        await client.get(f"/v1/jobs/{handle.id}{path}")
    for path in ("/v1/tasks", "/v1/tasks/add", "/v1/tasks/add/jobs", "/v1/jobs", "/v1/counts", "/openapi.json"):
        await client.get(path)

    assert [job.version for job in (await app.ajobs()).jobs] == [handle.record.version]


@pytest.mark.parametrize("path", ["/v1/tasks%0A", "/v1/queues/default/purge%0A", "/v1/jobs/x%0A/events", "/livez%0A"])
async def test_a_path_with_a_line_feed_is_refused(client: AsyncClient, path: str) -> None:
    answer = await client.post(path)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:workmill:problem:malformed-request"
