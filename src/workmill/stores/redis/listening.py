"""The listening side: one connection for all ears of a store, probed, and made again when it is gone."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable

from redis.asyncio.connection import AbstractConnection

from workmill.store import Notice, NoticeKind
from workmill.stores.redis.address import Address
from workmill.stores.redis.connecting import FAILURES
from workmill.stores.redis.ears import KINDS, LETTERS, Ear, read
from workmill.stores.redis.line import Line
from workmill.stores.redis.wire import REFUSALS, Reply, Wire
from workmill.words.errors import StoreError

PROBE_SECONDS = 9.0
ANSWER_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


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


class Post:
    """Where the ears of one store hang: it holds the connection that listens, while there is any ear.

    ```
    first ear ──► connecting ──► listening ──probe comes back──► listening
                      ▲              │
                      └──────────────┴── the probe does not come back, or the connection ends: all ears are told
    ```

    Attributes:
        is_deaf: The last try to listen failed, so that polling must serve.
    """

    def __init__(self, address: Address, line: Line) -> None:
        self._address = address
        self._line = line
        self._ears: set[Ear] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._first_try = asyncio.Event()
        self._turn = asyncio.Lock()
        self._receiver: Receiver | None = None
        self._listened: set[NoticeKind] = set()
        self._probe = address.key(f"probe:{secrets.token_hex(8)}")
        self._probed = asyncio.Event()
        self.is_deaf = False

    async def add(self, ear: Ear) -> None:
        """Hang an ear up; from now on it hears, or the server cannot be reached and it will hear when it can."""
        async with self._turn:
            self._ears.add(ear)
            if self._keeping is None:
                self._first_try.clear()
                self._keeping = asyncio.create_task(self._keep())
            await self._first_try.wait()
            await self._widen()

    async def remove(self, ear: Ear) -> None:
        """Take an ear down; with the last one the connection goes."""
        async with self._turn:
            self._ears.discard(ear)
            if not self._ears and self._keeping is not None:
                self._keeping.cancel()
                await asyncio.wait({self._keeping})
                self._keeping = None

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._listen()
                pause = FIRST_PAUSE_SECONDS
            except (*FAILURES, StoreError):
                self.is_deaf = True
            finally:
                self._first_try.set()
            self._tell_all()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection is gone or deaf."""
        receiver = Receiver(await self._line.another(), self._hear)
        self._listened = {kind for ear in self._ears for kind in ear.kinds}
        try:
            await receiver.subscribe([self._probe, *self._channels(self._listened)])
            self._receiver = receiver
            self._tell_all()
            self._first_try.set()
            await self._probe_while_it_answers(receiver)
        finally:
            self._receiver = None
            await receiver.close()

    async def _widen(self) -> None:
        """Listen for kinds that no ear has asked for before: an ear that nobody needs would wake for nothing."""
        receiver, kinds = self._receiver, {kind for ear in self._ears for kind in ear.kinds} - self._listened
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
        notices = read(KINDS[channel.rpartition(":")[2]], payload)
        for ear in self._ears:
            ear.hear(notices)

    def _tell_all(self) -> None:
        # What was sent while nobody listened is not known.
        for ear in self._ears:
            ear.hear([Notice(kind=kind) for kind in sorted(ear.kinds)])
