"""A server that answers commands as a test says, and knows what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import hiredis

Answer = bytes | None
"""A reply as it goes over the wire; None hangs up."""
GREETINGS = {b"CLIENT", b"HELLO", b"AUTH", b"SELECT"}


class ScriptedServer:
    """Answers each command but those of a greeting by `answer`, in their order.

    Args:
        answer: What to say to a command.
    """

    def __init__(self, answer: Callable[[list[bytes]], Answer]) -> None:
        self._answer = answer
        self._serving: set[asyncio.Task[None] | None] = set()
        self.asked: list[list[bytes]] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection."""
        self.connections += 1
        self._serving.add(asyncio.current_task())
        try:
            await self._answer_all(reader, writer)
        except asyncio.CancelledError:
            return  # asyncio's streams would complain of it
        finally:
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        while data := await reader.read(65536):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                answer = b"+OK\r\n" if command[0] in GREETINGS else self._answered(command)
                if answer is None:
                    return
                writer.write(answer)

    async def close(self) -> None:
        """End all connections."""
        for task in filter(None, self._serving):
            task.cancel()
            await asyncio.wait({task})

    def _answered(self, command: list[bytes]) -> Answer:
        self.asked.append(command)
        return self._answer(command)


@asynccontextmanager
async def scripted(answer: Callable[[list[bytes]], Answer]) -> AsyncIterator[ScriptedServer]:
    """Have such a server while inside."""
    server = ScriptedServer(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.close()


def in_turn(*answers: Answer) -> Callable[[list[bytes]], Answer]:
    """Answer one after the other, and the last for ever."""
    left = list(answers)

    def answer(_: list[bytes]) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer
