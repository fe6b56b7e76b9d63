"""Who listens, and how a notice from any thread reaches a listener on its own event loop."""

import asyncio
from contextlib import suppress
from threading import Lock

from workmill.store import Notice, NoticeKind
from workmill.stores.hearing import bounded


class Ear:
    """One listener. `hear` may be called by any thread, `next` on the event loop that made it."""

    def __init__(self, kinds: frozenset[NoticeKind]) -> None:
        self.kinds = kinds
        self._lock = Lock()
        self._kept: list[Notice] = []
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.Event()

    def hear(self, notice: Notice) -> None:
        """Keep a notice for the next call, and wake it."""
        with self._lock:
            self._kept.append(notice)
            self._kept = bounded(self._kept)
        with suppress(RuntimeError):  # the listener's loop is closed: nobody will call `next` again
            self._loop.call_soon_threadsafe(self._heard.set)

    async def next(self, timeout: float) -> list[Notice]:
        """Wait up to `timeout` seconds and return what was heard."""
        heard = self._taken()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not heard:
                    await self._heard.wait()
                    heard = self._taken()
        return heard

    def _taken(self) -> list[Notice]:
        with self._lock:
            taken, self._kept = self._kept, []
            self._heard.clear()
        return taken


class Ears:
    """All listeners of one vault, whose lock is held around every call."""

    def __init__(self) -> None:
        self._ears: set[Ear] = set()

    def open(self, kinds: frozenset[NoticeKind]) -> Ear:
        """Begin to listen, on the event loop that runs."""
        ear = Ear(kinds)
        self._ears.add(ear)
        return ear

    def shut(self, ear: Ear) -> None:
        """End listening."""
        self._ears.discard(ear)

    def tell(self, notice: Notice) -> None:
        """Let everybody who listens for its kind hear a notice."""
        for ear in self._ears:
            if notice.kind in ear.kinds:
                ear.hear(notice)
