"""The one connection on which the verbs of a store work: made when needed, made anew when it is gone."""

import asyncio

from redis.asyncio.connection import AbstractConnection, Connection
from redis.exceptions import MovedError

from workmill.stores.redis.address import Address, Host
from workmill.stores.redis.confirming import Confirmation, Unconfirmed
from workmill.stores.redis.connecting import FAILURES, connect
from workmill.stores.redis.failures import unavailable, word_of
from workmill.stores.redis.scripts import is_change
from workmill.stores.redis.wire import REFUSALS, Part, Reply, Wire
from workmill.words.errors import StoreUnavailable

PATIENCE_SECONDS = 10.0
"""For so long a command waits for a server that says that it cannot work just now."""
SHORTEST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.5

PASSING = {"MOVED", "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "ASK", "BUSY"}
"""What a server says while it starts, is no primary any more, or while its cluster moves our keys.

An ASK is waited out, not followed: a script reads and writes keys that it does not name to the cluster, and while a
part of them is here and a part there, it would see neither whole.
"""
ELSEWHERE = {"READONLY", "MASTERDOWN", "CLUSTERDOWN"}
"""What says that another server may be the primary now: who connects anew may find it."""


class Line:
    """Sends commands, as often as it takes.

    A connection that ends while a command is under way leaves it unknown whether it was done: it is repeated once on a
    new connection, which every verb allows. Where sentinels or a cluster may name another server soon, it is tried for
    ten seconds.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._wire: Wire | None = None
        self._host: Host | None = None
        self._place: Host | None = None
        self._may_move = address.service is not None or len(address.hosts) > 1
        self._making: asyncio.Task[Wire] | None = None
        self._confirmation: Confirmation | None = None

    async def run(self, *parts: Part) -> Reply:
        """Run a command and return what the server answers, a refusal that will not pass among them.

        Raises:
            StoreUnavailable: The server did not answer, or what it did is not where the URL wants it to be; whether it
                will be is unknown.
        """
        wire = self._wire
        if wire is not None and wire.is_open:
            try:
                reply = await self._ask(wire, parts)
            except OSError:
                return await self._patiently(parts)
            if not isinstance(reply, REFUSALS) or not self._will_pass(reply, wire):
                return reply
        return await self._patiently(parts)

    @property
    def host(self) -> Host | None:
        """The server that it led to last; None where that is a socket."""
        return self._place

    async def another(self) -> AbstractConnection:
        """Make one more connection to where this one leads.

        Raises:
            RedisError, OSError, TimeoutError: It cannot be had.
        """
        return await connect(self._address, self._host)

    async def close(self) -> None:
        """Hang up."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait({self._making})
        if self._wire is not None:
            await self._wire.close()

    async def _patiently(self, parts: tuple[Part, ...]) -> Reply:
        loop = asyncio.get_running_loop()
        ends_at, pause, failures = loop.time() + PATIENCE_SECONDS, SHORTEST_PAUSE_SECONDS, 0
        while True:
            try:
                wire = await self._connected()
                reply = await self._ask(wire, parts)
            except FAILURES as error:
                failures += 1
                self._host = None  # Whoever is named in the URL may know where the keys are by now.
                if loop.time() >= ends_at or (failures > 1 and not self._may_move):
                    raise unavailable(error, self._address.name) from error
            else:
                if not isinstance(reply, REFUSALS):
                    return reply
                if not self._will_pass(reply, wire) or loop.time() >= ends_at:
                    return reply
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _ask(self, wire: Wire, parts: tuple[Part, ...]) -> Reply:
        confirmation = self._confirmation
        reply = await wire.run(*parts)
        if confirmation is not None and is_change(reply):
            try:
                await confirmation.wait()
            except Unconfirmed as error:
                raise StoreUnavailable(f"{self._address.name}: {error}; whether they will is unknown") from error
        return reply

    async def _connected(self) -> Wire:
        """Return the connection, made anew where it is gone. Who comes meanwhile waits for the same, not for a turn."""
        if self._wire is not None and self._wire.is_open:
            return self._wire
        if self._making is None:
            self._making = asyncio.create_task(self._make())
            self._making.add_done_callback(self._forget)
        return await asyncio.shield(self._making)

    async def _make(self) -> Wire:
        made = await connect(self._address, self._host)
        self._wire = Wire(made)
        self._place = (made.host, made.port) if isinstance(made, Connection) else None
        if self._address.replicas or self._address.syncs:
            self._confirmation = Confirmation(self._wire, self._address)
        return self._wire

    def _forget(self, making: asyncio.Task[Wire]) -> None:
        self._making = None
        if not making.cancelled():
            making.exception()  # Looked at, as all who waited for it may have left.

    def _will_pass(self, reply: Exception, wire: Wire) -> bool:
        """Whether to try again, where the answer says so; who says to go elsewhere is left at once."""
        word = word_of(reply)
        if isinstance(reply, MovedError):  # A node that does not know its own name means the host that we asked.
            self._may_move = True
            self._host = reply.host or (self._host or self._address.hosts[0])[0], reply.port
        if word == "MOVED" or word in ELSEWHERE:
            wire.end(f"it says {word}")
        return word in PASSING
