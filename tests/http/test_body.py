import asyncio
import gzip
import json
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from tests.http.exchange import Exchange
from workmill import App
from workmill.http import asgi

JSON = {"Content-Type": "application/json"}
MEBIBYTE = 1024 * 1024


async def is_empty(app: App) -> bool:
    return not (await app.ajobs()).jobs


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
async def test_json_is_taken(client: AsyncClient, media_type: str) -> None:
    answer = await client.post("/v1/tasks/add/jobs", content=b'{"a": 1}', headers={"Content-Type": media_type})

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/xml", "application/json; charset=latin-1", "multipart/form-data", "", "json"],
)
async def test_another_media_type_is_415(app: App, client: AsyncClient, media_type: str) -> None:
    answer = await client.post("/v1/tasks/add/jobs", content=b'{"a": 1}', headers={"Content-Type": media_type})

    assert answer.status_code == 415
    assert answer.headers["accept-post"] == "application/json"
    assert answer.json()["type"] == "urn:workmill:problem:unsupported-media-type"
    assert await is_empty(app)


async def test_what_curl_calls_a_form_is_taken_where_it_is_json(client: AsyncClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await client.post("/v1/tasks/add/jobs", content=b' {"a": 1}', headers=headers)

    assert answer.status_code == 202


async def test_a_form_is_not_taken(app: App, client: AsyncClient) -> None:
    answer = await client.post("/v1/tasks/add/jobs", data={"a": "1"})

    assert answer.status_code == 415
    assert await is_empty(app)


async def test_a_compressed_body_is_415(app: App, client: AsyncClient) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}

    answer = await client.post("/v1/tasks/add/jobs", content=gzip.compress(b'{"a": 1}'), headers=headers)

    assert answer.status_code == 415
    assert await is_empty(app)


async def test_a_body_of_the_limit_is_taken(client: AsyncClient) -> None:
    body = b'{"value": "' + b"x" * (MEBIBYTE - 13) + b'"}'
    assert len(body) == MEBIBYTE

    answer = await client.post("/v1/tasks/echo/jobs", content=body, headers=JSON)

    assert answer.status_code == 202


async def test_a_larger_body_is_413(app: App, client: AsyncClient) -> None:
    body = b'{"value": "' + b"x" * (MEBIBYTE - 12) + b'"}'

    answer = await client.post("/v1/tasks/echo/jobs", content=body, headers=JSON)

    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:workmill:problem:body-too-large"
    assert answer.json()["limit"] == MEBIBYTE
    assert await is_empty(app)


@pytest.mark.parametrize("declared", ["1048577", "9" * 5000])
async def test_a_body_declared_too_large_is_refused_unread(app: App, declared: str) -> None:
    headers = {**JSON, "Content-Length": declared}

    async with Exchange.begin(asgi(app), "POST", "/v1/tasks/add/jobs", headers=headers) as exchange:
        status, _ = await exchange.start()

    assert status == 413


async def test_an_endless_body_is_refused_at_the_limit(app: App) -> None:
    chunks = [b"x" * 65536] * 20

    async with Exchange.begin(asgi(app), "POST", "/v1/tasks/add/jobs", headers=JSON, body=chunks) as exchange:
        status, _ = await exchange.start()

    assert status == 413


async def test_a_body_that_never_ends_is_408(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmill.http.body.DEADLINE_SECONDS", 0.05)

    async with Exchange.begin(asgi(app), "POST", "/v1/tasks/add/jobs", headers=JSON) as exchange:
        status, headers = await exchange.start()

    assert status == 408
    assert headers["content-type"] == "application/problem+json"


async def test_a_client_that_goes_away_while_it_sends_leaves_nothing(app: App) -> None:
    async with Exchange.begin(asgi(app), "POST", "/v1/tasks/add/jobs", headers=JSON) as exchange:
        exchange.leave()
        await exchange.ended()

    assert await is_empty(app)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 500_000,
        "9" * 5000,
        "-" + "9" * 5000,
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        '"\\ud800"',
        '"\\udfff\\ud800"',
        '{"\\ud800": 1}',
        '{"a": 1, "a": 2}',
        '"\x01"',
        "01",
        "1.",
        "tru",
        "'a'",
        '"\\x41"',
        "[1,]",
        "// 1",
    ],
)
@pytest.mark.parametrize("task", ["echo", "add"])
async def test_hostile_json_is_refused_and_nothing_is_stored(
    app: App, client: AsyncClient, task: str, value: str
) -> None:
    name = "value" if task == "echo" else "a"
    body = f'{{"{name}": {value}}}'.encode()

    answer = await client.post(f"/v1/tasks/{task}/jobs", content=body, headers=JSON)

    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 2000
    assert await is_empty(app)


@pytest.mark.parametrize(
    "body", [b'\xef\xbb\xbf{"a": 1}', '{"a": 1}'.encode("utf-16"), b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}']
)
async def test_what_is_not_utf8_is_refused(app: App, client: AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/tasks/add/jobs", content=body, headers=JSON)

    assert answer.status_code in {400, 422}
    assert await is_empty(app)


@pytest.mark.parametrize(
    "value",
    [
        9007199254740993,
        2**63,
        -(2**63) - 1,
        10**400,
        0.1,
        1e308,
        5e-324,
        "\U0001f600 \u2028 \u202e <img src=x onerror=alert(1)>",
        {"": {"a/b~c": [None, True, {}]}},
        {"\0": "\0"},
    ],
)
@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_what_is_accepted_comes_back_the_same_from_every_store(tmp_path: Path, store: str, value: object) -> None:
    app = App("memory://" if store == "memory" else f"sqlite:///{tmp_path}/jobs.db")
    app.task(name="echo")(lambda value: value)

    async with AsyncClient(transport=ASGITransport(app=asgi(app)), base_url="http://localhost") as client:
        submitted = await client.post("/v1/tasks/echo/jobs", content=json.dumps({"value": value}), headers=JSON)
        shown = await client.get(submitted.headers["location"])
    app.close()

    assert submitted.status_code == 202
    assert json.loads(shown.text)["args"] == {"value": value}
    assert json.loads(submitted.text)["args"] == {"value": value}


async def test_hostile_json_in_a_cancellation_is_refused(app: App, client: AsyncClient) -> None:
    job_id = (await app.tasks["add"].aenqueue(1)).id

    for body in (b"[" * 100_000, b'{"reason": NaN}', b'{"reason": 1' + b"0" * 5000 + b"}", b"\xff"):
        answer = await client.post(f"/v1/jobs/{job_id}/cancel", content=body, headers=JSON)
        assert answer.status_code in {400, 422}

    assert (await app.ajob(job_id)).state == "queued"


async def test_a_slow_body_holds_nobody_else_up(app: App, client: AsyncClient) -> None:
    async with Exchange.begin(asgi(app), "POST", "/v1/tasks/add/jobs", headers=JSON):
        answer = await asyncio.wait_for(client.get("/v1/tasks"), 5)

    assert answer.status_code == 200
