"""The doorbell, and the one rendering that many who hear it share."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from httpx2 import AsyncClient
from starlette.responses import Response

from tests.dashboard.conftest import Browsing
from tests.http.exchange import Exchange
from workmill import App, StoreUnavailable
from workmill.dashboard import asgi
from workmill.dashboard.gathering import Gathering

DEADLINE_SECONDS = 10.0


async def next_event(exchange: Exchange) -> str:
    """Return the name of the next event; pings and the time to reconnect are none."""
    while True:
        chunk = await exchange.chunk()
        assert chunk is not None
        names = [line.removeprefix("event: ") for line in chunk.decode().splitlines() if line.startswith("event: ")]
        if names:
            return names[0]


async def test_doorbell_rings_when_a_job_changes(app: App) -> None:
    async with Exchange.begin(asgi(app), "GET", "/events") as exchange:
        status, headers = await exchange.start()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert await next_event(exchange) == "ready"

        job = await app.task_named("add").aenqueue(1)
        await job.acancel()

        assert await next_event(exchange) == "rung"


async def test_who_asks_only_for_the_head_is_answered_at_once(app: App) -> None:
    async with Exchange.begin(asgi(app), "HEAD", "/events") as exchange:
        status, headers = await exchange.start()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")

        await exchange.ended()


async def test_doorbell_ends_with_its_page(app: App) -> None:
    async with Exchange.begin(asgi(app), "GET", "/events") as exchange:
        await exchange.start()
        assert await next_event(exchange) == "ready"

        exchange.leave()

        await exchange.ended()


async def test_doorbell_ends_where_the_store_fails_and_the_page_comes_back(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(app, "changes", gone)

    async with Exchange.begin(asgi(app), "GET", "/events") as exchange:
        await exchange.start()
        assert await exchange.chunk() is None
        await exchange.ended()


async def test_doorbell_that_breaks_harms_nothing(app: App) -> None:
    async with Exchange.begin(asgi(app), "GET", "/events") as exchange:
        exchange.breaks_at(b"ready")

        await exchange.ended()


async def test_who_may_not_look_hears_nothing(browsing: Browsing) -> None:
    assert (await browsing(token="secret").get("/events")).status_code == 401


async def test_pages_that_poll_have_no_stream(browsing: Browsing) -> None:
    client = browsing(live="poll")

    assert (await client.get("/events")).status_code == 204
    assert "hx-sse" not in (await client.get("/workers")).text.split("<body")[1]


async def test_region_of_a_page_asks_for_the_same_address(client: AsyncClient) -> None:
    page = (await client.get("/workers?said=told")).text

    assert 'hx-get="/workers?said=told"' in page


async def answered(made: list[Response]) -> Response:
    made.append(Response(str(len(made))))
    return made[-1]


async def test_those_who_ask_at_once_share_one_answer_and_who_asks_later_gets_a_later_one() -> None:
    gathering, made, gates = Gathering(), list[Response](), [asyncio.Event(), asyncio.Event()]

    def making(begun: asyncio.Event) -> Callable[[], Awaitable[Response]]:
        async def make() -> Response:
            gate = gates[len(made)]
            begun.set()
            await gate.wait()
            return await answered(made)

        return make

    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
        begun = asyncio.Event()
        first = group.create_task(gathering.answer("x", making(begun)))
        await begun.wait()
        later = [group.create_task(gathering.answer("x", making(asyncio.Event()))) for _ in range(3)]
        other = await gathering.answer("y", lambda: answered([]))
        for gate in gates:
            gate.set()

    assert other.body == b"0"
    assert first.result().body == b"0"
    assert [task.result().body for task in later] == [b"1", b"1", b"1"]
    assert len(made) == 2


async def test_an_answer_that_fails_fails_for_all_who_share_it_and_for_nobody_after() -> None:
    gathering = Gathering()

    async def fail() -> Response:
        raise ValueError

    async with asyncio.timeout(DEADLINE_SECONDS):
        failed = await asyncio.gather(*(gathering.answer("x", fail) for _ in range(2)), return_exceptions=True)
        after = await gathering.answer("x", lambda: answered([]))

    assert [type(each) for each in failed] == [ValueError, ValueError]
    assert after.status_code == 200
