import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from workmill.running.health import LONGEST_HEAD, health_address, health_served
from workmill.words.errors import ConfigError


@asynccontextmanager
async def served(*, ready: bool = True) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with health_served(("127.0.0.1", port), lambda: ready):
        yield port


async def ask(port: int, request: bytes) -> bytes:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [
        (b"GET /livez HTTP/1.1", b"200 OK", b"ok\n"),
        (b"GET /readyz HTTP/1.1", b"200 OK", b"ready\n"),
        (b"GET /readyz?verbose HTTP/1.1", b"200 OK", b"ready\n"),
        (b"HEAD /livez HTTP/1.1", b"200 OK", b""),
        (b"POST /livez HTTP/1.1", b"405 Method Not Allowed", b"use GET\n"),
        (b"GET /jobs HTTP/1.1", b"404 Not Found", b"there are /livez and /readyz\n"),
        (b"", b"405 Method Not Allowed", b"use GET\n"),
        (b"\xff\xfe\xfd", b"405 Method Not Allowed", b"use GET\n"),
    ],
)
async def test_each_request_has_its_answer(line: bytes, status: bytes, body: bytes) -> None:
    async with served() as port:
        answer = await ask(port, line + b"\r\nHost: worker\r\n\r\n")

    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 " + status
    assert content == body


async def test_a_worker_that_takes_no_jobs_lives_and_is_not_ready() -> None:
    async with served(ready=False) as port:
        assert b" 200 " in await ask(port, b"GET /livez HTTP/1.0\r\n\r\n")
        assert b" 503 " in await ask(port, b"GET /readyz HTTP/1.0\r\n\r\n")


async def test_a_head_without_end_is_cut_off_and_the_next_request_answered() -> None:
    async with served() as port:
        with suppress(ConnectionError):
            assert await ask(port, b"GET /livez" + b"x" * LONGEST_HEAD * 64) == b""

        assert b" 200 " in await ask(port, b"GET /livez HTTP/1.1\r\n\r\n")


async def test_a_port_that_is_taken_is_an_error_of_the_setting() -> None:
    async with served() as port:
        with pytest.raises(ConfigError, match=f"health=127.0.0.1:{port} cannot be served"):
            async with health_served(("127.0.0.1", port), lambda: True):
                pass


async def test_nothing_is_served_without_an_address() -> None:
    async with health_served(None, lambda: True):
        pass


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8081", ("127.0.0.1", 8081)),
        (":8081", ("127.0.0.1", 8081)),
        ("127.0.0.1:8081", ("127.0.0.1", 8081)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:8081", ("::1", 8081)),
    ],
)
def test_an_address_of_this_machine_is_read(text: str, address: tuple[str, int]) -> None:
    assert health_address(text) == address


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", "localhost:http", ":65536", ":-1", ":\u0668"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write it like"):
        health_address(text)


@pytest.mark.parametrize("text", ["0.0.0.0:8081", "[::]:8081", "example.org:80"])
def test_an_address_for_others_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="refused"):
        health_address(text)
