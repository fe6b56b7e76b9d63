"""`/v1/channels`: published by POST, heard by server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.http.serving import serving
from workmill import App

LONGEST_SECONDS = 10.0


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:workmill:problem:")


@pytest.fixture
async def server(app: App) -> AsyncIterator[AsyncClient]:
    async with (
        serving(app) as port,
        AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=LONGEST_SECONDS) as client,
    ):
        yield client


@asynccontextmanager
async def hearing(client: AsyncClient, **request: Any) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    async with asyncio.timeout(LONGEST_SECONDS), client.stream("GET", "/v1/channels/news/events", **request) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.aiter_lines())


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if name in {"id", "event", "data"}:
            event[name] = value
        elif not line and event:
            yield event
            event = {}


async def test_a_message_is_published_and_makes_jobs(app: App, client: AsyncClient) -> None:
    @app.on("news")
    def hear(message: Any) -> Any:
        return message

    await app.adrain()
    answer = await client.post("/v1/channels/news/messages", json={"data": {"x": 1}})
    await app.adrain()

    body = answer.json()
    assert (answer.status_code, body["channel"], body["data"]) == (201, "news", {"x": 1})
    assert [job.result for job in (await app.ajobs()).jobs] == [b'{"x":1}']


async def test_a_message_with_an_id_is_published_once(client: AsyncClient) -> None:
    message = {"data": 1, "id": "01a1ff3f-6714-731d-ac51-cc45513c9c26"}

    first = await client.post("/v1/channels/news/messages", json=message)
    again = await client.post("/v1/channels/news/messages", json=message)

    assert first.json() == again.json()


async def test_what_cannot_be_published_is_refused(client: AsyncClient) -> None:
    for body, pointer in (({"id": "x"}, "#/id"), ({"more": 1}, "#/more"), ({"data": "\ud800"}, "#/data")):
        answer = await client.post(
            "/v1/channels/news/messages", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, slug(answer)) == (422, "validation-failed")
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert (await client.post("/v1/channels/no%20name/messages", json={})).status_code == 422


async def test_messages_are_heard_as_they_come(app: App, server: AsyncClient) -> None:
    async with hearing(server) as heard:
        assert (await anext(heard))["event"] == "open"
        await app.apublish("news", {"x": 1})
        await app.apublish("other", {"x": 2})
        await app.apublish("news", {"x": 3})

        found = [await anext(heard) for _ in range(2)]

    assert [(each["event"], json.loads(each["data"])["data"]) for each in found] == [
        ("message", {"x": 1}),
        ("message", {"x": 3}),
    ]


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_hearer_resumes_behind_what_it_has_seen(app: App, server: AsyncClient, way: str) -> None:
    async with hearing(server) as heard:
        seen = (await anext(heard))["id"]
    await app.apublish("news", 1)

    request = {"headers": {"Last-Event-ID": seen}} if way == "header" else {"params": {"after": seen}}
    async with hearing(server, **request) as heard:
        await anext(heard)
        found = await anext(heard)

    assert json.loads(found["data"])["data"] == 1


async def test_an_id_that_is_none_of_ours_says_nothing_but_a_parameter_does(client: AsyncClient) -> None:
    at = "/v1/channels/news/events"

    assert (await client.head(at, headers={"Last-Event-ID": "x"})).status_code == 200
    assert slug(await client.get(at, params={"after": "x"})) == "invalid-cursor"
    assert slug(await client.get(at, headers={"Accept": "application/json"})) == "not-acceptable"
    assert (await client.head("/v1/channels/no%20name/events")).status_code == 422
