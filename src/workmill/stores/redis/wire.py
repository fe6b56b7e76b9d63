"""One connection of redis-py's with many commands under way: replies come back in the order of the commands."""

import asyncio
from collections import deque
from typing import Protocol, TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from workmill.words.codec import Json

Part: TypeAlias = bytes | str | int | float
Reply: TypeAlias = Json
"""What a server answers: bytes, int, None, a list of these, or a refusal as a value."""
REFUSALS = (ResponseError, BusyLoadingError, AuthenticationError)
"""Those of redis-py's errors that are answers."""

ANSWER_SECONDS = 10.0


class Gone(ConnectionError):
    """The connection ended, or fell silent, while a reply was due: what the command did is unknown."""


class Conductor(Protocol):
    """What carries commands to the server."""

    async def run(self, *parts: Part) -> Reply:
        """Run a command and return what the server answers, a refusal that will not pass among them."""


class Wire:
    """An open connection. Belongs to the loop on which it was made; nobody else uses the connection from now on.

    ```
    open ──run()──► under way ──reply──► open
     │                  │
     └──────────────────┴──the server hangs up, or is silent for ten seconds──► gone, and all who wait are told
    ```

    A caller who is cancelled leaves its command under way: the reply has its place among the others.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._due: deque[tuple[asyncio.Future[Reply], float]] = deque()
        self._deadline: asyncio.TimerHandle | None = None
        self._why = ""
        self._reading = asyncio.create_task(self._read())

    @property
    def is_open(self) -> bool:
        """Whether it can take commands."""
        return not self._why

    async def run(self, *parts: Part) -> Reply:
        """Run one command and return its reply, a refusal among them.

        Raises:
            Gone: The connection has ended.
        """
        if self._why:
            raise Gone(self._why)
        packed = self._connection.pack_command(*parts)
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._due.append((answer, self._loop.time() + ANSWER_SECONDS))
        if self._deadline is None:
            self._deadline = self._loop.call_later(ANSWER_SECONDS, self._look_at_deadline)
        try:
            # It writes before it waits for anything, so that commands leave in the order of their answers.
            await self._connection.send_packed_command(packed, check_health=False)
        except (RedisError, OSError) as error:
            self.end(str(error))
        return await answer

    async def ended(self) -> None:
        """Wait until it is of no more use."""
        await asyncio.wait({self._reading})

    async def close(self) -> None:
        """Hang up; whoever waits is told. Safe to repeat."""
        self.end("the connection was closed")
        await self.ended()

    def take(self, reply: Reply) -> None:
        """Give a reply to who waits for it."""
        answer, _ = self._due.popleft()
        if not answer.done():
            answer.set_result(reply)

    def end(self, why: str) -> None:
        """Be of no more use; whoever waits is told, and the connection is closed in a moment."""
        self._fail(why)
        self._reading.cancel()

    def _fail(self, why: str) -> None:
        self._why = self._why or why or "the server has hung up"
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        while self._due:
            answer, _ = self._due.popleft()
            if not answer.done():
                answer.set_exception(Gone(self._why))

    async def _read(self) -> None:
        read = self._connection.read_response
        try:
            while True:
                try:
                    reply = await read(disable_decoding=True, disconnect_on_error=False)
                except REFUSALS as refusal:
                    reply = refusal
                self.take(reply)
        except (RedisError, OSError) as error:
            self._fail(str(error))
        except IndexError:
            self._fail("it answers what nobody asked")
        finally:
            await self._connection.disconnect(nowait=True)

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
