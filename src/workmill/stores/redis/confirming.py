"""Waiting until replicas, or the server's disk, have what was changed: together for all who wait at the time.

A server that is told to wait looks at nothing else that comes on the connection meanwhile, and it must be told on the
connection on which the change was made: on any other it might be another server that answers.

    answered ──► is a round under way? wait for the next ──► WAIT, WAITAOF ──► all who were answered before it go on
"""

import asyncio

from workmill.stores.redis.address import Address
from workmill.stores.redis.wire import REFUSALS, Part, Wire

WAIT_MILLISECONDS = 5000


class Unconfirmed(Exception):
    """A change was made, and is not where it must be, so far: what it says is for whoever waits for it."""


class Confirmation:
    """The rounds on one connection."""

    def __init__(self, wire: Wire, address: Address) -> None:
        self._wire = wire
        self._replicas = address.replicas
        self._syncs = address.syncs
        self._turn = asyncio.Lock()
        self._joined = 0
        self._done = 0

    async def wait(self) -> None:
        """Wait until what has been answered so far is where it must be.

        Raises:
            Unconfirmed: It is not in time.
            Gone: The connection ended.
        """
        self._joined += 1
        mine = self._joined
        async with self._turn:
            if self._done < mine:
                joined = self._joined
                await self._ask()
                self._done = joined

    async def _ask(self) -> None:
        if self._replicas:
            have = await self._count(b"WAIT", self._replicas, WAIT_MILLISECONDS)
            if have < self._replicas:
                raise Unconfirmed(f"{have} of the {self._replicas} replicas that replicas= asks for have the change")
        if self._syncs and await self._count(b"WAITAOF", 1, 0, WAIT_MILLISECONDS) < 1:
            raise Unconfirmed("its disk does not have the change that fsync=1 asks for")

    async def _count(self, *parts: Part) -> int:
        reply = await self._wire.run(*parts)
        if isinstance(reply, REFUSALS):
            raise Unconfirmed(str(reply))
        return int(reply[0] if isinstance(reply, list) else reply)
