"""The dashboard and the API behind one address, and what the environment says of them."""

import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from workmill import App, ConfigError, serving

TOKEN, READ_TOKEN = "correct-horse.battery", "staple"
PROGRAM = """
from workmill import App

app = App("memory://")

@app.task
def add(a: int, b: int) -> int:
    return a + b
"""


@pytest.fixture
def app() -> Iterator[App]:
    app = App("memory://")

    @app.task
    def add(a: int, b: int = 2) -> int:
        return a + b

    yield app
    app.close()


def speaking_to(served: ASGIApp, **headers: str) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=served), base_url="http://localhost", headers=headers)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


def kind(answer: object) -> str:
    return str(answer.headers["content-type"]).split(";")[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("prefix", ["", "/jobs"])
async def test_the_api_has_its_paths_and_the_dashboard_all_others(app: App, prefix: str) -> None:
    async with speaking_to(serving.asgi(app, prefix=prefix)) as client:
        found = {path: kind(await client.get(prefix + path)) for path in ("/v1/tasks", "/openapi.json", "/livez", "/")}
        nowhere, unversioned = await client.get(prefix + "/nothing"), await client.get(prefix + "/v1/nothing")

    assert found == {
        "/v1/tasks": "application/json",
        "/openapi.json": "application/json",
        "/livez": "application/json",
        "/": "text/html",
    }
    assert (nowhere.status_code, kind(nowhere)) == (404, "text/html")
    assert (unversioned.status_code, kind(unversioned)) == (404, "application/problem+json")


async def test_one_token_opens_both_and_one_for_reading_only_the_pages(app: App) -> None:
    served = serving.asgi(app, token=TOKEN, read_token=READ_TOKEN)

    async with speaking_to(served, Authorization=f"Bearer {TOKEN}") as client:
        assert [(await client.get(path)).status_code for path in ("/", "/v1/tasks")] == [200, 200]
    async with speaking_to(served, Authorization=basic(READ_TOKEN)) as client:
        assert [(await client.get(path)).status_code for path in ("/", "/v1/tasks")] == [200, 401]


async def test_a_server_to_read_from_changes_nothing_by_either(app: App) -> None:
    async with speaking_to(serving.asgi(app, read_only=True), Origin="http://localhost") as client:
        by_api = await client.post("/v1/tasks/add/jobs", json={"a": 1})
        by_page = await client.post("/workers/x/stop")
        seen = await client.get("/v1/jobs")

    assert (by_api.status_code, by_api.json()["type"]) == (403, "urn:workmill:problem:read-only")
    assert by_page.status_code == 403
    assert seen.json()["items"] == []


def test_a_token_for_reading_alone_is_refused(app: App) -> None:
    with pytest.raises(ConfigError, match="leave the API open"):
        serving.asgi(app, read_token=READ_TOKEN)


def test_the_end_of_the_server_closes_the_store(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(app, "close", lambda: closed.append(True))

    with TestClient(serving.asgi(app)):
        assert not closed

    assert closed == [True]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    (tmp_path / "program_that_is_served.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("TOKEN", "READ_TOKEN", "HOSTS", "PREFIX", "DASHBOARD", "READ_ONLY"):
        monkeypatch.delenv(f"WORKMILL_{name}", raising=False)
    monkeypatch.setenv("WORKMILL_APP", "program_that_is_served:app")
    yield monkeypatch
    sys.modules.pop("program_that_is_served", None)


async def statuses(path: str = "/", **headers: str) -> int:
    async with speaking_to(serving.from_environment(), **headers) as client:
        return (await client.get(path)).status_code


async def test_the_environment_says_who_may_do_what(environment: pytest.MonkeyPatch) -> None:
    assert await statuses() == 200
    environment.setenv("WORKMILL_TOKEN", TOKEN)
    environment.setenv("WORKMILL_READ_TOKEN", READ_TOKEN)
    environment.setenv("WORKMILL_HOSTS", "jobs.example, other.example")
    environment.setenv("WORKMILL_PREFIX", "/jobs")

    assert await statuses("/jobs/") == 401
    assert await statuses("/jobs/", Authorization=basic(READ_TOKEN)) == 200
    assert await statuses("/jobs/", Authorization=basic(TOKEN), Host="other.example") == 200
    assert await statuses("/jobs/", Authorization=basic(TOKEN), Host="evil.example") == 421


async def test_the_environment_says_that_there_is_no_dashboard(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WORKMILL_DASHBOARD", "off")

    assert await statuses() == 404
    assert await statuses("/v1/tasks") == 200


async def test_the_environment_says_that_nothing_may_be_changed(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WORKMILL_READ_ONLY", "On")

    async with speaking_to(serving.from_environment()) as client:
        assert (await client.post("/v1/tasks/add/jobs", json={"a": 1, "b": 2})).status_code == 403


def test_what_is_neither_on_nor_off_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WORKMILL_DASHBOARD", "perhaps")

    with pytest.raises(ConfigError, match="WORKMILL_DASHBOARD='perhaps' is neither on nor off"):
        serving.from_environment()
