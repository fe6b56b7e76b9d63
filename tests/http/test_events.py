import json
from typing import NamedTuple

import pytest
from httpx2 import AsyncClient

from tests.http.exchange import Exchange
from tests.http.hand import Hand
from workmill import App, JobHandle, StoreUnavailable
from workmill.http import asgi


class Event(NamedTuple):
    id: int
    kind: str
    data: dict


async def enqueue(app: App) -> str:
    return (await app.tasks["add"].aenqueue(1)).id


async def event(exchange: Exchange) -> Event | None:
    """Read the next event, None at the end of the stream."""
    chunk = await exchange.chunk()
    if chunk is None:
        return None
    assert chunk.endswith(b"\n\n")
    id_line, kind_line, data_line = chunk.decode()[:-2].split("\n")
    return Event(
        id=int(id_line.removeprefix("id: ")),
        kind=kind_line.removeprefix("event: "),
        data=json.loads(data_line.removeprefix("data: ")),
    )


async def test_a_stream_tells_a_jobs_life_and_ends_with_it(app: App, hand: Hand) -> None:
    job_id = await enqueue(app)

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events") as exchange:
        status, headers = await exchange.start()
        assert await exchange.chunk() == b"retry: 2000\n\n"
        queued = await event(exchange)
        job = await hand.take()
        running = await event(exchange)
        await hand.report(job, 1, 4)
        progress = await event(exchange)
        await hand.succeed(job, b"3")
        done = await event(exchange)
        assert await event(exchange) is None
        await exchange.ended()

    assert status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-length" not in headers
    assert [(each.kind, each.data["state"]) for each in (queued, running, progress, done)] == [
        ("state", "queued"),
        ("state", "running"),
        ("progress", "running"),
        ("done", "succeeded"),
    ]
    assert [each.id for each in (queued, running, progress, done)] == [1, 2, 3, 4]
    assert progress.data == {
        "id": job_id,
        "state": "running",
        "attempt": 1,
        "progress": {"value": 0.25, "current": 1, "total": 4, "message": None},
        "version": 3,
    }
    assert done.data == (await app.ajob(job_id)).document()


@pytest.mark.parametrize("seen", ["0", "nonsense", "99999999999999999999999", ""])
async def test_a_reader_that_is_behind_gets_the_job_as_it_is(app: App, hand: Hand, seen: str) -> None:
    job_id = await enqueue(app)
    await hand.take()
    headers = {"Last-Event-ID": seen}

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events", headers=headers) as exchange:
        await exchange.start()
        await exchange.chunk()
        first = await event(exchange)

    assert (first.id, first.kind, first.data["state"]) == (2, "state", "running")


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_reader_that_resumes_gets_only_what_is_new(app: App, hand: Hand, *, by_header: bool) -> None:
    job_id = await enqueue(app)
    job = await hand.take()
    headers, query = ({"Last-Event-ID": "2"}, "") if by_header else ({}, "?after=2")

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events{query}", headers=headers) as exchange:
        await exchange.start()
        await exchange.chunk()
        await hand.succeed(job)
        first = await event(exchange)

    assert (first.id, first.kind) == (3, "done")


async def test_a_job_that_has_ended_is_told_once_and_then_204(app: App, client: AsyncClient, hand: Hand) -> None:
    job_id = await enqueue(app)
    await hand.succeed(await hand.take())

    told = await client.get(f"/v1/jobs/{job_id}/events")
    again = await client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "3"})

    assert told.status_code == 200
    assert told.text.startswith("retry: 2000\n\nid: 3\nevent: done\ndata: {")
    assert (again.status_code, again.content) == (204, b"")


async def test_a_flood_of_progress_is_told_in_parts_and_its_end_in_full(app: App, hand: Hand) -> None:
    job_id = await enqueue(app)
    job = await hand.take()
    told = []

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events?after=2") as exchange:
        await exchange.start()
        await exchange.chunk()
        await hand.report(job, 0, 200)
        told.append(await event(exchange))
        for current in range(1, 200):
            await hand.report(job, current, 200)
        told.append(await event(exchange))
        await hand.succeed(job)
        while (each := await event(exchange)) is not None:
            told.append(each)

    assert [each.kind for each in told] == ["progress", "progress", "done"]
    assert [each.data["progress"]["current"] for each in told] == [0, 199, 199]


async def test_a_quiet_stream_is_kept_alive(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmill.http.stream.PING_SECONDS", 0.05)
    job_id = await enqueue(app)

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events?after=1") as exchange:
        await exchange.start()
        await exchange.chunk()
        pings = [await exchange.chunk(), await exchange.chunk()]

    assert pings == [b": ping\n\n", b": ping\n\n"]


async def test_an_old_stream_ends_so_that_its_reader_comes_back(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmill.http.stream.LONGEST_STREAM_SECONDS", 0.05)
    job_id = await enqueue(app)

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events?after=1") as exchange:
        await exchange.start()
        await exchange.chunk()

        assert await exchange.chunk() is None


async def test_a_reader_that_goes_away_ends_the_stream(app: App) -> None:
    job_id = await enqueue(app)

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events") as exchange:
        await exchange.start()
        exchange.leave()
        await exchange.ended()


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json", "text/event-stream;q=0", "text/event-stream; q=0.0"]
)
async def test_a_client_that_cannot_read_events_is_406(app: App, client: AsyncClient, accept: str) -> None:
    answer = await client.get(f"/v1/jobs/{await enqueue(app)}/events", headers={"Accept": accept})

    assert answer.status_code == 406
    assert answer.json()["type"] == "urn:workmill:problem:not-acceptable"


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*", "text/html, text/*;q=0.5", "Text/Event-Stream;q=0.001"])
async def test_a_client_that_can_read_events_gets_them(app: App, client: AsyncClient, hand: Hand, accept: str) -> None:
    job_id = await enqueue(app)
    await hand.succeed(await hand.take())

    answer = await client.get(f"/v1/jobs/{job_id}/events", headers={"Accept": accept})

    assert answer.status_code == 200


async def test_a_connection_that_breaks_ends_the_stream_quietly(app: App) -> None:
    job_id = await enqueue(app)

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events") as exchange:
        exchange.breaks_at(b"event: state")
        await exchange.start()
        await exchange.ended()


async def test_a_store_that_fails_ends_the_stream_so_that_its_reader_comes_back(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("disk I/O error")

    job_id = await enqueue(app)
    monkeypatch.setattr(JobHandle, "arefresh", fail)

    async with Exchange.begin(asgi(app), "GET", f"/v1/jobs/{job_id}/events") as exchange:
        await exchange.start()
        await exchange.chunk()
        told = await event(exchange)
        assert await exchange.chunk() is None

    assert told.kind == "state"


async def test_head_of_a_stream_ends_at_once(app: App, client: AsyncClient) -> None:
    answer = await client.head(f"/v1/jobs/{await enqueue(app)}/events")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
