"""One ear at the store for a whole process, shared by everybody who waits for a job or for messages."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from workmill.store import Notice, NoticeKind
from workmill.words.errors import StoreError

if TYPE_CHECKING:
    from workmill.store import Store

LISTEN_SECONDS = 30.0
"""How long one wait of the shared listener lasts; only the bound of a loop, not a poll."""
AGAIN_SECONDS = 1.0
"""How long after a failure the listener is opened anew; waiters poll in the meantime."""
LINGER_SECONDS = 2.0
"""How long the listener stays open when nobody waits any more: to open it takes longer than many a job."""


class Subscription:
    """One waiter's view: whether something has changed since it last asked."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """Note that something may have changed."""
        self._changed.set()

    async def next(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a change since the last call; it may be a needless one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        changed = self._changed.is_set()
        self._changed.clear()
        return changed


class Watch:
    """Fans the store's notices out to subscriptions; the listener is open while there are any, and a moment longer.

    Args:
        store: Whose.
        kind: What it listens for: changes of jobs, or messages that are published on channels.
    """

    def __init__(self, store: "Store", kind: NoticeKind = NoticeKind.CHANGED) -> None:
        self._store = store
        self._kind = kind
        self._by_name: defaultdict[str | None, set[Subscription]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None
        self._parting: asyncio.TimerHandle | None = None
        self._is_open = asyncio.Event()

    @asynccontextmanager
    async def subscribe(self, *names: str | None) -> AsyncIterator[Subscription]:
        """Hear of jobs by their ids, or channels by their names, or of all (None), until the context ends.

        Whatever is committed after entering is heard, unless the store loses the notice: poll as well.
        """
        subscription = Subscription()
        for name in names:
            self._by_name[name].add(subscription)
        try:
            await self._until_open()
            yield subscription
        finally:
            self._forget(names, subscription)

    async def close(self) -> None:
        """Stop listening, and wait for its end."""
        self._stay()
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.wait({listening})

    async def _until_open(self) -> None:
        self._stay()
        if self._listening is None or self._listening.done():
            self._is_open = asyncio.Event()
            self._listening = asyncio.create_task(self._listen(self._is_open))
        with suppress(TimeoutError):  # Without an ear the waiter polls.
            async with asyncio.timeout(AGAIN_SECONDS):
                await self._is_open.wait()

    async def _listen(self, is_open: asyncio.Event) -> None:
        while True:
            try:
                await self._hear(is_open)
            except StoreError:
                self._tell_all()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, is_open: asyncio.Event) -> None:
        async with self._store.listen(frozenset({self._kind})) as ear:
            is_open.set()
            try:
                while True:
                    self._tell(await ear.next(LISTEN_SECONDS))
            finally:
                is_open.clear()  # before the ear closes: who comes now waits for the next one

    def _tell(self, notices: Sequence[Notice]) -> None:
        named = [_names(notice) for notice in notices]
        if not all(named):
            self._tell_all()
            return
        told = {name for names in named for name in names}
        for name in (*told, None) if told else ():
            for subscription in self._by_name.get(name, ()):
                subscription.tell()

    def _tell_all(self) -> None:
        for subscriptions in self._by_name.values():
            for subscription in subscriptions:
                subscription.tell()

    def _forget(self, names: Iterable[str | None], subscription: Subscription) -> None:
        for name in set(names):
            self._by_name[name].discard(subscription)
            if not self._by_name[name]:
                del self._by_name[name]
        if not self._by_name and self._listening is not None:
            self._stay()
            self._parting = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._part)

    def _part(self) -> None:
        if self._listening is not None:
            self._listening.cancel()  # It ends by itself; who subscribes meanwhile starts another.
            self._listening = None

    def _stay(self) -> None:
        if self._parting is not None:
            self._parting.cancel()
            self._parting = None


def _names(notice: Notice) -> tuple[str, ...]:
    """Return what a notice is about; nothing stands for any."""
    return notice.job_ids or ((notice.channel,) if notice.channel else ())
