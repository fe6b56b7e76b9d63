"""One connection to a server: commands go out as they come, and replies come back in their order."""

import asyncio
from collections import deque
from typing import TypeAlias

import hiredis

from workmill.words.codec import Json

Part: TypeAlias = bytes | str | int | float
Reply: TypeAlias = Json
"""What a server answers: bytes, int, None, a list of these, or an error as a value."""
Refusal = hiredis.ReplyError

ANSWER_SECONDS = 10.0
NOTHING = object()


class Gone(ConnectionError):
    """The connection ended, or fell silent, while a reply was due: what the command did is unknown."""


class Wire(asyncio.Protocol):
    """A connection on which any number of commands are under way. Belongs to the loop on which it was made.

    ```
    open ──run()──► under way ──reply──► open
     │                  │
     └──────────────────┴──the server hangs up, or is silent for ten seconds──► gone, and all who wait are told
    ```

    A caller who is cancelled leaves its command under way: the reply has its place among the others.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=NOTHING)
        self._due: deque[tuple[asyncio.Future[Reply], float]] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can take commands."""
        return self._transport is not None

    async def run(self, *parts: Part) -> Reply:
        """Run one command and return its reply, an error among them.

        Raises:
            Gone: The connection has ended.
        """
        return await self.send(hiredis.pack_command(parts))

    def send(self, command: bytes) -> asyncio.Future[Reply]:
        """Send a command now, or with all others of this turn of the loop where some are under way."""
        answer: asyncio.Future[Reply] = self._loop.create_future()
        if self._transport is None:
            answer.set_exception(Gone("the connection has ended"))
            return answer
        if self._unsent:
            self._unsent.append(command)
        elif self._due:
            self._unsent.append(command)
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(command)
        self._due.append((answer, self._loop.time() + ANSWER_SECONDS))
        if self._deadline is None:
            self._deadline = self._loop.call_later(ANSWER_SECONDS, self._look_at_deadline)
        return answer

    def close(self) -> None:
        """Hang up; whoever waits is told. Safe to repeat."""
        self.end("the connection was closed")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Give each reply to who waits for it."""
        reader = self._reader
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not NOTHING:
                self.take(reply)
        except (hiredis.ProtocolError, IndexError):
            self.end("what answers does not speak Redis's protocol")

    def take(self, reply: Reply) -> None:
        """Give a reply to who waits for it."""
        answer, _ = self._due.popleft()
        if not answer.done():
            answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.end(str(exc or "the server has hung up"))

    def end(self, why: str) -> None:
        """Be of no more use; whoever waits is told."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        while self._due:
            answer, _ = self._due.popleft()
            if not answer.done():
                answer.set_exception(Gone(why))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None:
            self._transport.write(b"".join(unsent))

    def _look_at_deadline(self) -> None:
        # One timer serves many commands: most are over long before it comes.
        self._deadline = None
        if not self._due:
            return
        _, ends_at = self._due[0]
        if self._loop.time() >= ends_at:
            self.end("the server did not answer in time")
        else:
            self._deadline = self._loop.call_at(ends_at, self._look_at_deadline)
