"""What only a real server shows: bytes on a socket, read by uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.http.hand import Hand
from tests.http.serving import serving
from workmill import App

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 10.0
CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"


@dataclass
class Line:
    """One connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read the status and the headers of an answer."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = text.strip().split("\r\n")
        return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines)

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.reader.readuntil(end)

    async def rest(self) -> bytes:
        """Read until the server hangs up."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.reader.read()


@pytest.fixture
async def port(app: App) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


async def test_head_has_the_headers_of_get_and_no_body(port: int) -> None:
    async with line_to(port) as line:
        await line.send(b"HEAD /v1/tasks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status, headers = await line.head()
        rest = await line.rest()

    assert status == 200
    assert int(headers["content-length"]) > 0
    assert rest == b""


async def test_an_endless_upload_is_refused_early_and_hung_up(app: App, port: int) -> None:
    async with line_to(port) as line:
        await line.send(
            b"POST /v1/tasks/echo/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        try:
            while sent < 1000 and not line.reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001
                await asyncio.wait_for(line.send(CHUNK), DEADLINE_SECONDS)
                sent += 1
        except ConnectionError:
            pass
        status, _ = await line.head()

    assert status == 413
    assert sent < 200
    assert not (await app.ajobs()).jobs


async def test_a_path_in_pieces_and_an_odd_request_line_are_no_500(port: int) -> None:
    for request in (
        b"GET /v1/jobs/%ff%fe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /v1/jobs?state=%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nPrefer: \xff\r\nConnection: close\r\n\r\n",
        b"GET /v1/jobs HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
        b"GET /v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET http://localhost/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"POST /v1/tasks/tick/jobs HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: \xff\r\nConnection: close\r\n\r\n",
        b"POST /v1/tasks/tick/jobs HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[\r\nConnection: close\r\n\r\n",
    ):
        async with line_to(port) as line:
            await line.send(request)
            status, _ = await line.head()
            assert status < 500, request


async def test_events_reach_the_client_as_they_happen(app: App, port: int, hand: Hand) -> None:
    job_id = (await app.tasks["add"].aenqueue(1)).id

    async with line_to(port) as line:
        await line.send(
            f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        await line.head()
        await line.until(b"event: state")
        job = await hand.take()
        await line.until(b'"state":"running"')
        await hand.succeed(job, b"3")
        done = await line.rest()

    assert b"event: done" in done
    assert b'"result":3' in done


async def test_a_server_that_ends_lets_go_of_its_streams(app: App) -> None:
    job_id = (await app.tasks["add"].aenqueue(1)).id

    async with AsyncExitStack() as lines:
        async with serving(app) as port:
            line = await lines.enter_async_context(line_to(port))
            await line.send(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await line.until(b"event: state")

        assert await line.rest()
