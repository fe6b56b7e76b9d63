"""A network in between that a test can cut without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Forwards connections to a port. What is cut stays open and carries nothing any more; new connections work."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._generation = 0
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0

    def cut(self) -> None:
        """Let all connections that there are fall silent."""
        self._generation += 1

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection."""
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        pumps = [self._pump(reader, back, self._generation), self._pump(there, writer, self._generation)]
        self._pumps |= {asyncio.create_task(pump) for pump in pumps}

    async def close(self) -> None:
        """End all connections."""
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, generation: int) -> None:
        try:
            while chunk := await source.read(65536):
                if generation == self._generation:
                    sink.write(chunk)
        finally:
            sink.close()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """Have a network in between while inside."""
    proxy = Proxy(port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
