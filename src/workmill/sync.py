"""Blocking calls over the one asynchronous implementation: a thread with an event loop, where the store lives."""

import asyncio
import atexit
import math
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from workmill.craft.client import Session
from workmill.craft.watch import Watch
from workmill.store import Store
from workmill.words.errors import StoreUnavailable, WorkmillError

T = TypeVar("T")
CALL_SECONDS = 60.0
"""The bound of a blocking call that has none of its own; the stores' own deadlines are shorter."""


class Portal:
    """The way to the store from any thread and any event loop of this process.

    The thread, its loop and the store are made at the first call, and anew in a process that was forked since.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._session: Session | None = None
        self._opening: asyncio.Lock | None = None

    def run(self, work: Callable[[Session], Awaitable[T]], *, timeout: float | None = None) -> T:
        """Do the work where the store lives and block until it is done.

        Raises:
            StoreUnavailable: It was not done within `timeout` seconds; infinity waits as long as it takes.
            WorkmillError: This is the very thread that would have to do it; await the call's twin instead.
        """
        loop = self._running_loop()
        if threading.current_thread() is self._thread:
            raise WorkmillError(
                "a blocking call inside async code of an inline job; await its twin with the `a` before it"
            )
        seconds = None if timeout == math.inf else timeout or CALL_SECONDS
        future = asyncio.run_coroutine_threadsafe(self._do(work), loop)
        try:
            return future.result(seconds)
        except FutureTimeout:
            if future.done():
                raise
            future.cancel()
            said = f"the store did not answer within {seconds} s; whether it acted is unknown"
            raise StoreUnavailable(said) from None

    async def arun(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do the work where the store lives, without blocking the caller's loop."""
        loop = self._running_loop()
        if asyncio.get_running_loop() is loop:
            return await self._do(work)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(work), loop))

    def close(self) -> None:
        """Close the store and end the thread; a later call begins anew. Safe to repeat."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(self._shut(), loop).result(CALL_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CALL_SECONDS)
        atexit.unregister(self.close)

    def move(self, open_store: Callable[[], Store]) -> None:
        """Close the store; later calls open another."""
        self.close()
        self._open_store = open_store

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is not None and self._pid == os.getpid():
            return loop
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._start()
            assert self._loop is not None  # noqa: S101 - set by the line above; for the type checker
            return self._loop

    def _start(self) -> None:
        # What a forked child inherited belongs to a thread that does not exist in it: forget it, never close it.
        self._session, self._opening = None, asyncio.Lock()
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_serve, args=(loop,), name="workmill-store", daemon=True)
        self._thread.start()
        self._pid, self._loop = os.getpid(), loop
        atexit.register(self.close)

    async def _do(self, work: Callable[[Session], Awaitable[T]]) -> T:
        return await work(self._session or await self._open())

    async def _open(self) -> Session:
        assert self._opening is not None  # noqa: S101 - set before the loop runs; for the type checker
        async with self._opening:
            if self._session is None:
                store = self._open_store()
                await store.open()
                self._session = Session(store=store, watch=Watch(store))
            return self._session

    async def _shut(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.watch.close()
            await session.store.close()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
