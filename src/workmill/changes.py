"""Waiting for changes of jobs, from any event loop."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from workmill.craft.client import Session
from workmill.craft.watch import Subscription
from workmill.sync import Portal


class Changes:
    """An ear for changes, open between entering and leaving."""

    def __init__(self, portal: Portal, job_id: str | None) -> None:
        self._portal = portal
        self._job_id = job_id
        self._stack = AsyncExitStack()
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._portal.arun(self._enter)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._subscription = None
        await self._portal.arun(self._leave)

    async def next(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a change since the last call; it may be a needless one."""
        subscription = self._subscription
        if subscription is None:
            raise RuntimeError("use `async with app.changes() as changes`")

        async def wait(_: Session) -> bool:
            return await subscription.next(timeout)

        return await self._portal.arun(wait)

    async def _enter(self, session: Session) -> Subscription:
        return await self._stack.enter_async_context(session.watch.subscribe(self._job_id))

    async def _leave(self, _: Session) -> None:
        await self._stack.aclose()
