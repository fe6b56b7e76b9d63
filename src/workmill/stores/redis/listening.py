"""The listening side: one connection for all ears of a store, probed, and made again when it is gone.

There is one channel for each kind, so that a listener wakes only for what it asked for. A message is a msgpack array:
of queues, of channels, or of the ids of jobs, where none stands for any; of a time it says nothing more.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable

import msgpack
from redis.asyncio.connection import AbstractConnection

from workmill.store import Notice, NoticeKind
from workmill.stores import hearing
from workmill.stores.hearing import ANSWER_SECONDS, KINDS, LETTERS, PROBE_SECONDS
from workmill.stores.redis.address import Address
from workmill.stores.redis.connecting import FAILURES
from workmill.stores.redis.line import Line
from workmill.stores.redis.wire import REFUSALS, Reply, Wire
from workmill.words.errors import StoreError


class Receiver(Wire):
    """A connection on which messages come between the replies."""

    def __init__(self, connection: AbstractConnection, hear: Callable[[str, bytes], None]) -> None:
        super().__init__(connection)
        self._hear = hear

    async def subscribe(self, channels: Iterable[str]) -> None:
        """Let the messages of channels come.

        Raises:
            RedisError: The server does not allow it.
            TimeoutError, OSError: It does not answer.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            for channel in channels:
                reply = await self.run(b"SUBSCRIBE", channel)
                if isinstance(reply, REFUSALS):
                    raise reply

    def take(self, reply: Reply) -> None:
        """Tell a message from a reply."""
        match reply:
            case [b"message", channel, payload]:
                self._hear(channel.decode(), payload)
            case _:
                super().take(reply)


class Post(hearing.Post):
    """The ears of a store on Redis."""

    def __init__(self, address: Address, line: Line) -> None:
        super().__init__(*FAILURES)
        self._address = address
        self._line = line
        self._receiver: Receiver | None = None
        self._listened: set[NoticeKind] = set()
        self._probe = address.key(f"probe:{secrets.token_hex(8)}")
        self._probed = asyncio.Event()

    async def _listen(self) -> None:
        receiver = Receiver(await self._line.another(), self._hear)
        self._listened = self._kinds
        try:
            await receiver.subscribe([self._probe, *self._channels(self._listened)])
            self._receiver = receiver
            self._begin()
            await self._probe_while_it_answers(receiver)
        finally:
            self._receiver = None
            await receiver.close()

    async def _widen(self) -> None:
        receiver, kinds = self._receiver, self._kinds - self._listened
        if receiver is None or not kinds:
            return
        self._listened |= kinds
        try:
            await receiver.subscribe(self._channels(kinds))
        except (*FAILURES, StoreError):
            receiver.end("it cannot listen to more")

    def _channels(self, kinds: Iterable[NoticeKind]) -> list[str]:
        return [self._address.key(LETTERS[kind]) for kind in sorted(kinds)]

    async def _probe_while_it_answers(self, receiver: Receiver) -> None:
        while receiver.is_open:
            self._probed.clear()
            await self._line.run(b"PUBLISH", self._probe, b"")
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._probed.wait()
            self.is_deaf = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    await receiver.ended()

    def _hear(self, channel: str, payload: bytes) -> None:
        if channel == self._probe:
            self._probed.set()
            return
        self._tell(read(KINDS[channel.rpartition(":")[2]], payload))


def read(kind: NoticeKind, payload: bytes) -> list[Notice]:
    """Read a message; one that is not ours says nothing."""
    if kind is NoticeKind.SCHEDULED:
        return [Notice(kind=kind)]
    try:
        names = [str(name) for name in msgpack.unpackb(payload)]
    except (ValueError, TypeError, msgpack.UnpackException):
        return []
    match kind:
        case NoticeKind.QUEUED:
            return [Notice(kind=kind, queue=name) for name in names or [""]]
        case NoticeKind.PUBLISHED:
            return [Notice(kind=kind, channel=name) for name in names or [""]]
        case _:
            return [Notice(kind=kind, job_ids=tuple(names))]
