"""`/livez` and `/readyz` of a worker: two words over HTTP, answered by the supervisor without any user code."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from workmill.words.errors import ConfigError

REQUEST_SECONDS = 5.0
LONGEST_HEAD = 8192
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def health_address(text: str) -> tuple[str, int]:
    """Read `host:port`, `:port` or `port`.

    Raises:
        ConfigError: It is neither, or the host is not this machine itself.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or LOOPBACK[0]
    if not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ConfigError(f"health={text!r} is not an address; write it like 127.0.0.1:8081")
    if host not in LOOPBACK:
        raise ConfigError(
            f"health={text!r} is refused: it answers to anybody, so its host is one of {', '.join(LOOPBACK)}"
        )
    return host, int(port)


@asynccontextmanager
async def health_served(address: tuple[str, int] | None, is_ready: Callable[[], bool]) -> AsyncIterator[None]:
    """Serve while inside; nothing where there is no address.

    Raises:
        ConfigError: The port is taken or may not be used.
    """
    if address is None:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, is_ready))
                await writer.drain()
        writer.close()

    host, port = address
    try:
        server = await asyncio.start_server(answer, host, port, limit=LONGEST_HEAD)
    except OSError as error:
        raise ConfigError(f"health={host}:{port} cannot be served: {error.strerror or error}") from error
    async with server:
        yield


def _response(head: bytes, is_ready: Callable[[], bool]) -> bytes:
    method, path, *_ = (*head.split(b"\r\n", 1)[0].split(b" "), b"", b"")
    status, word = _answer(method, path.partition(b"?")[0], is_ready)
    body = b"" if method == b"HEAD" else word + b"\n"
    lines = (
        b"HTTP/1.1 " + status,
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % (len(word) + 1),
        b"Cache-Control: no-store",
        b"Connection: close",
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _answer(method: bytes, path: bytes, is_ready: Callable[[], bool]) -> tuple[bytes, bytes]:
    if method not in (b"GET", b"HEAD"):
        return b"405 Method Not Allowed", b"use GET"
    if path == b"/livez":
        return b"200 OK", b"ok"
    if path == b"/readyz":
        return (b"200 OK", b"ready") if is_ready() else (b"503 Service Unavailable", b"not ready")
    return b"404 Not Found", b"there are /livez and /readyz"
