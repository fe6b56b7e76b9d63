import asyncio
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from workmill import App, ConfigError, StoreUnavailable
from workmill.http import asgi

JSON = {"Content-Type": "application/json"}
METHODS = {
    "/v1/tasks": "GET, HEAD",
    "/v1/tasks/add": "GET, HEAD",
    "/v1/tasks/add/jobs": "POST",
    "/v1/jobs": "GET, HEAD",
    "/v1/jobs/x": "GET, HEAD",
    "/v1/jobs/x/result": "GET, HEAD",
    "/v1/jobs/x/attempts": "GET, HEAD",
    "/v1/jobs/x/cancel": "POST",
    "/v1/jobs/x/events": "GET, HEAD",
    "/v1/counts": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/livez": "GET, HEAD",
    "/readyz": "GET, HEAD",
}


def speaking_to(api: ASGIApp) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=api, raise_app_exceptions=False), base_url="http://localhost")


@pytest.mark.parametrize("path", METHODS)
async def test_a_wrong_method_learns_all_the_right_ones(client: AsyncClient, path: str) -> None:
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - set(
        METHODS[path].split(", ")
    ):
        answer = await client.request(method, path)

        assert answer.status_code == 405
        assert answer.headers["allow"] == METHODS[path]
        if method != "HEAD":
            assert answer.json()["type"] == "urn:workmill:problem:method-not-allowed"


@pytest.mark.parametrize(
    "path", ["/", "", "/v1", "/v1/", "/v1/jobs/", "/v1/tasks/", "/v2/jobs", "/openapi.json/", "//v1/jobs"]
)
async def test_an_unknown_path_is_404_and_no_redirect(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:workmill:problem:not-found"


async def test_a_path_that_climbs_is_404(client: AsyncClient) -> None:
    for path in ("/v1/jobs/..%2f..%2fetc%2fpasswd", "/v1/tasks/%2e%2e", "/v1/jobs/a%2fb"):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", [path for path, methods in METHODS.items() if methods == "GET, HEAD"])
async def test_head_is_answered_as_get(app: App, client: AsyncClient, path: str) -> None:
    job = await app.tasks["add"].aenqueue(1)

    target = path.replace("/x", f"/{job.id}")
    head = await client.head(target)

    assert head.status_code in {200, 409}
    if not path.endswith("/events"):
        assert head.headers == (await client.get(target)).headers


@pytest.mark.parametrize("kind", ["prefix", "mount", "mounted twice", "root path"])
async def test_it_lives_under_a_prefix(app: App, kind: str) -> None:
    api: Any = {
        "prefix": lambda: asgi(app, prefix="/a/b"),
        "mount": lambda: Starlette(routes=[Mount("/a/b", asgi(app))]),
        "mounted twice": lambda: Starlette(routes=[Mount("/a", Starlette(routes=[Mount("/b", asgi(app))]))]),
        "root path": lambda: asgi(app),
    }[kind]()
    transport = ASGITransport(app=api, root_path="/a/b" if kind == "root path" else "")
    async with AsyncClient(transport=transport, base_url="http://localhost/a/b") as client:
        submitted = await client.post("/v1/tasks/add/jobs", json={"a": 1})
        await client.post("/v1/tasks/add/jobs", json={"a": 2})
        page = await client.get("/v1/jobs?limit=1")
        document = (await client.get("/openapi.json")).json()
        health = await client.get("/livez", headers={"Host": "10.0.0.7"})
        missing = await client.get("/nothing")

        assert submitted.headers["location"] == f"/a/b/v1/jobs/{submitted.json()['id']}"
        assert (await client.get(f"http://localhost{submitted.headers['location']}")).status_code == 200
        assert page.links["next"]["url"].startswith("/a/b/v1/jobs?limit=1&cursor=")
        assert (await client.get(f"http://localhost{page.links['next']['url']}")).status_code == 200
        assert document["servers"] == [{"url": "/a/b"}]
        assert health.status_code == 200
        assert missing.status_code == 404


@pytest.mark.parametrize("prefix", ["a", "/", "/a/", "a/b"])
def test_a_prefix_that_cannot_be_one_is_refused(app: App, prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        asgi(app, prefix=prefix)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_token_that_cannot_be_one_is_refused(app: App, token: str) -> None:
    with pytest.raises(ConfigError, match="token"):
        asgi(app, token=token)


def test_served_alone_it_answers_the_lifespan_and_closes_the_store(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr(app, "close", lambda: closed.append(True))

    with TestClient(asgi(app), base_url="http://localhost") as client:
        assert client.get("/readyz").json() == {"ready": True}
        assert not closed

    assert closed == [True]


def test_nothing_is_opened_before_the_first_request() -> None:
    app = App("sqlite:////nowhere/that/exists.db")

    with TestClient(asgi(app), base_url="http://localhost") as client:
        assert client.get("/livez").status_code == 200


async def test_a_store_that_fails_is_503_and_says_nothing_of_itself(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("/var/lib/secret.db: disk I/O error")

    for name in ("ajob", "ajobs", "acounts", "anow"):
        monkeypatch.setattr(app, name, fail)
    monkeypatch.setattr(app.tasks["add"], "aenqueue_json", fail)

    async with speaking_to(asgi(app)) as client:
        answers = [await client.get(path) for path in ("/v1/jobs", "/v1/jobs/x", "/v1/counts", "/readyz")]
        answers.append(await client.post("/v1/tasks/add/jobs", json={"a": 1}))
        alive = await client.get("/livez")

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["type"] for answer in answers} == {"urn:workmill:problem:store-unavailable"}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert not [answer for answer in answers if "secret" in answer.text]
    assert alive.status_code == 200


async def test_a_fault_of_the_server_is_a_problem_without_its_inside(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("the inside")

    monkeypatch.setattr(app, "acounts", fail)

    async with speaking_to(asgi(app)) as client:
        answer = await client.get("/v1/counts")

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:workmill:problem:internal-error"
    assert "inside" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_store_that_hangs_is_not_ready(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "anow", asyncio.Event().wait)
    monkeypatch.setattr("workmill.http.health.STORE_SECONDS", 0.05)

    async with speaking_to(asgi(app)) as client:
        answer = await client.get("/readyz")

    assert answer.status_code == 503
