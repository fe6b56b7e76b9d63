"""What the rooms have in common about hearing: letters for the kinds, an ear, and the post that ears hang on.

A room whose listener is a connection to a server gives the post what is its own: how it listens, and how to more.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

from workmill.store import Notice, NoticeKind
from workmill.words.errors import StoreError

LETTERS = {
    NoticeKind.QUEUED: "q",
    NoticeKind.SCHEDULED: "s",
    NoticeKind.CANCEL: "x",
    NoticeKind.CHANGED: "c",
    NoticeKind.PUBLISHED: "p",
}
"""What stands for a kind where processes tell each other: names of channels and of sockets are made of it."""
KINDS = {letter: kind for kind, letter in LETTERS.items()}
MOST_KEPT = 1000
"""More notices than these that nobody asks for are folded into one of each kind."""

PROBE_SECONDS = 9.0
"""How often a connection that listens is asked whether it still hears."""
ANSWER_SECONDS = 5.0
"""How long the answer may take."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


def bounded(notices: list[Notice]) -> list[Notice]:
    """Return notices, or one of each kind that stands for any where there are too many to keep."""
    if len(notices) <= MOST_KEPT:
        return notices
    return [Notice(kind=kind) for kind in dict.fromkeys(notice.kind for notice in notices)]


class Ear:
    """One ear. Belongs to one event loop."""

    def __init__(self, kinds: frozenset[NoticeKind]) -> None:
        self.kinds = kinds
        self._heard: list[Notice] = []
        self._came = asyncio.Event()

    def hear(self, notices: Sequence[Notice]) -> None:
        """Keep notices for the next call."""
        self._heard += [notice for notice in notices if notice.kind in self.kinds]
        self._heard = bounded(self._heard)
        if self._heard:
            self._came.set()

    async def next(self, timeout: float) -> list[Notice]:
        """Wait up to `timeout` seconds for notices."""
        if not self._heard:
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._came.wait()
        heard, self._heard = self._heard, []
        return heard


class Post(ABC):
    """Where the ears of one store hang: it holds the connection that listens, while there is any ear.

    ```
    first ear ──► connecting ──► listening ──probe comes back──► listening
                      ▲              │
                      └──────────────┴── the probe does not come back, or the connection ends: all ears are told
    ```

    Args:
        failures: What the room's driver raises where a connection cannot be had or is gone.

    Attributes:
        is_deaf: The last try to listen failed, so that polling must serve.
    """

    def __init__(self, *failures: type[Exception]) -> None:
        self._failures: tuple[type[Exception], ...] = (*failures, OSError, TimeoutError, StoreError)
        self._ears: set[Ear] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._first_try = asyncio.Event()
        self._turn = asyncio.Lock()
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

    @abstractmethod
    async def _listen(self) -> None:
        """Connect, listen for `_kinds`, say so by `_begin`, and return or raise when the connection is gone or deaf."""

    @abstractmethod
    async def _widen(self) -> None:
        """Listen for kinds that no ear has asked for before: an ear that nobody needs would wake for nothing."""

    @property
    def _kinds(self) -> set[NoticeKind]:
        return {kind for ear in self._ears for kind in ear.kinds}

    def _begin(self) -> None:
        self._tell_all()
        self._first_try.set()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._listen()
                pause = FIRST_PAUSE_SECONDS
            except self._failures:
                self.is_deaf = True
            finally:
                self._first_try.set()
            self._tell_all()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _tell(self, notices: Sequence[Notice]) -> None:
        for ear in self._ears:
            ear.hear(notices)

    def _tell_all(self) -> None:
        # What was sent while nobody listened is not known.
        for ear in self._ears:
            ear.hear([Notice(kind=kind) for kind in sorted(ear.kinds)])
