"""The short way for a thread that blocks: the same verbs over a connection that blocks, past the store's loop.

The way to the loop and back takes longer than a round trip to a server nearby. A verb is a coroutine that awaits
nothing but its line; over a line that never lets go of the thread, it ends in one step.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TypeVar

from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisError

from workmill.stores.redis.address import SETTINGS, TCP_SETTINGS, Address, Host
from workmill.stores.redis.failures import word_of
from workmill.stores.redis.line import Line
from workmill.stores.redis.session import Session
from workmill.stores.redis.wire import REFUSALS, Part, Reply
from workmill.words.errors import WorkmillError

T = TypeVar("T")
MOST_CONNECTIONS = 8
"""How many threads are served at a time; others go the long way."""
ANSWER_SECONDS = 2.0
"""How long a thread waits for a reply until it goes the long way, where more is known of what to do."""
REST_SECONDS = 1.0
"""How long no more connections are made after one has failed."""
KINDS = {
    "Connection": Connection,
    "SSLConnection": SSLConnection,
    "UnixDomainSocketConnection": UnixDomainSocketConnection,
}
"""Those of redis-py's connections that block, by the names that their awaited twins bear, too."""


class NotHere(Exception):
    """This connection cannot say what became of the verb: repeat it on the loop, which knows what to do."""


class Plug:
    """A connection on which one command is under way at a time, while its thread waits for the reply."""

    def __init__(self, made: AbstractConnection) -> None:
        self._connection = made

    async def run(self, *parts: Part) -> Reply:
        """Run a command and return its reply, without ever letting go of the thread.

        Raises:
            NotHere: There is no reply, or it is one that the loop must deal with.
        """
        connected = self._connection
        try:
            packed = connected.pack_command(*parts)  # type: ignore[no-untyped-call] # redis-py has not annotated it
            connected.send_packed_command(packed, check_health=False)  # type: ignore[no-untyped-call]
            return connected.read_response(disable_decoding=True)
        except REFUSALS as refusal:
            if word_of(refusal) == "NOSCRIPT":
                return refusal
            raise NotHere from refusal
        except (RedisError, OSError) as error:
            raise NotHere from error

    def close(self) -> None:
        """Hang up. Safe to repeat."""
        self._connection.disconnect()  # type: ignore[no-untyped-call]


class DirectSession(Session):
    """A session over a plug. What a server has lost is for the loop's session to find out and to say."""

    def __init__(self, whole: Session, plug: Plug) -> None:
        super().__init__(whole.address, plug)
        self.plug = plug
        self._whole = whole
        self.learn(*whole.seen)

    async def _adopt(self, old: bytes) -> None:
        raise NotHere(old)

    async def _note_lost_changes(self, seen: int, changes: int) -> None:
        self._whole.learn(self.seen[0], seen)
        raise NotHere(changes)


class Switchboard:
    """The plugs of one open store: made as they are needed, to where its line leads, and used by any thread."""

    def __init__(self, session: Session, line: Line) -> None:
        self._session = session
        self._line = line
        self._idle: deque[DirectSession] = deque()
        self._count = 0
        self._counting = threading.Lock()
        self._rests_until = 0.0
        self._is_closed = False

    def run(self, verb: Callable[[Session], Coroutine[object, None, T]]) -> T | None:
        """Do a verb in the calling thread; None where the loop must do it, even if it was done here.

        Raises:
            WorkmillError: The server refused it.
        """
        session = self._free()
        if session is None and not self._takes_place():
            return None
        try:
            session = session or self._made()
            answer = _driven(verb(session))
        except NotHere:
            self._rests_until = time.monotonic() + REST_SECONDS
            self._drop(session)
            return None
        except WorkmillError:
            self._put_back(session)
            raise
        except BaseException:  # Ctrl-C, for one: a reply may be under way, and is not for the next caller.
            self._drop(session)
            raise
        self._put_back(session)
        return answer

    def close(self) -> None:
        """Hang up; who is in the middle of a verb hangs up behind it."""
        self._is_closed = True
        while (session := self._free()) is not None:
            self._drop(session)

    def _free(self) -> DirectSession | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _takes_place(self) -> bool:
        with self._counting:
            if self._count >= MOST_CONNECTIONS or self._is_closed or time.monotonic() < self._rests_until:
                return False
            self._count += 1
            return True

    def _made(self) -> DirectSession:
        return DirectSession(self._session, Plug(connected(self._session.address, self._line.host)))

    def _put_back(self, session: DirectSession | None) -> None:
        if session is not None:
            self._idle.append(session)
        if self._is_closed:
            self.close()

    def _drop(self, session: DirectSession | None) -> None:
        with self._counting:
            self._count -= 1
        if session is not None:
            session.plug.close()


def connected(address: Address, host: Host | None) -> AbstractConnection:
    """Connect, blocking.

    Raises:
        NotHere: It is not possible now.
    """
    place = {} if host is None else {"host": host[0], "port": host[1], **TCP_SETTINGS}
    settings = {**SETTINGS, **place, **address.options, "socket_timeout": ANSWER_SECONDS}
    made: AbstractConnection = KINDS[address.kind.__name__](**settings)
    try:
        made.connect()  # type: ignore[no-untyped-call] # redis-py has not annotated it
    except (RedisError, OSError) as error:
        raise NotHere from error
    return made


def _driven(verb: Coroutine[object, None, T]) -> T:
    try:
        verb.send(None)
    except StopIteration as end:
        answer: T = end.value
        return answer
    verb.close()
    raise RuntimeError("a verb has awaited something else than its line")
