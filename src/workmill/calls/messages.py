"""Hearing the messages of channels, in both colours."""

import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from workmill.craft.channels import Message, message_of
from workmill.craft.client import ANSWER_SECONDS, POLL_SECONDS, Session
from workmill.craft.watch import Subscription
from workmill.sync import Portal
from workmill.words.errors import WorkmillError

LONGEST_WAIT_SECONDS = 30.0
"""How long one call to the store's thread waits at most; a longer wait is made of several."""


class Messages:
    """The messages of some channels from a moment on, each once, in the order of their publishing.

    The moment is that of entering, or behind a cursor. What comes while nobody asks stays in the store, for an hour,
    and so costs no memory here; a hearer that is slower than that for so long misses what is older.

    Example:
        ```python
        with app.subscribe("prices") as messages:
            for message in messages:
                print(message.data)
        ```
    """

    def __init__(self, portal: Portal, channels: tuple[str, ...], *, cursor: str | None, buffer: int) -> None:
        self.cursor = cursor
        """Behind the last message that was given out."""
        self._portal = portal
        self._channels = channels
        self._buffer = buffer
        self._ready: deque[Message] = deque()
        self._read_to = cursor
        self._stack = AsyncExitStack()
        self._subscription: Subscription | None = None

    def __enter__(self) -> Self:
        self._subscription = self._portal.run(self._enter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._subscription = None
        self._portal.run(self._leave)

    async def __aenter__(self) -> Self:
        self._subscription = await self._portal.arun(self._enter)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._subscription = None
        await self._portal.arun(self._leave)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        while True:
            message = self.next(LONGEST_WAIT_SECONDS)
            if message is not None:
                return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while True:
            message = await self.anext(LONGEST_WAIT_SECONDS)
            if message is not None:
                return message

    def next(self, timeout: float) -> Message | None:
        """Wait up to `timeout` seconds for the next message; None where none came.

        Raises:
            StoreUnavailable: The store does not answer; nothing was missed, ask again.
        """
        ends_at = time.monotonic() + timeout
        while not self._ready:
            remaining = max(ends_at - time.monotonic(), 0.0)
            wait = min(remaining, LONGEST_WAIT_SECONDS)
            self._portal.run(self._reading(wait), timeout=min(wait + ANSWER_SECONDS, threading.TIMEOUT_MAX))
            if not self._ready and remaining <= 0:
                return None
        return self._take()

    async def anext(self, timeout: float) -> Message | None:
        """Do as `next` does, awaited."""
        ends_at = time.monotonic() + timeout
        while not self._ready:
            remaining = max(ends_at - time.monotonic(), 0.0)
            await self._portal.arun(self._reading(min(remaining, LONGEST_WAIT_SECONDS)))
            if not self._ready and remaining <= 0:
                return None
        return self._take()

    def _take(self) -> Message:
        message = self._ready.popleft()
        self.cursor = message.cursor
        return message

    def _reading(self, seconds: float) -> Callable[[Session], Awaitable[None]]:
        """Return what fetches what has come, or what comes within some seconds."""
        subscription = self._subscription
        if subscription is None:
            raise WorkmillError("use it as a context: `with app.subscribe(...) as messages`, or `async with`")

        async def read(session: Session) -> None:
            ends_at = time.monotonic() + seconds
            while not await self._fetch(session):
                remaining = ends_at - time.monotonic()
                if remaining <= 0:
                    return
                await subscription.next(min(remaining, POLL_SECONDS))

        return read

    async def _fetch(self, session: Session) -> bool:
        heard = await session.store.messages(self._channels, cursor=self._read_to, limit=self._buffer)
        self._read_to = heard.cursor
        self._ready.extend(map(message_of, heard.messages))
        return bool(heard.messages)

    async def _enter(self, session: Session) -> Subscription:
        subscription = await self._stack.enter_async_context(session.channels.subscribe(*self._channels))
        try:
            await self._fetch(session)
        except BaseException:
            await self._stack.aclose()
            raise
        self.cursor = self.cursor or self._read_to
        return subscription

    async def _leave(self, _: Session) -> None:
        await self._stack.aclose()
