"""Blocking calls over the one asynchronous implementation: a thread with an event loop, where the store lives."""

from __future__ import annotations

import asyncio
import atexit
import math
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from workmill.craft.client import Session
from workmill.craft.watch import Watch
from workmill.store import NoticeKind
from workmill.store.direct import Direct
from workmill.words.errors import StoreUnavailable, WorkmillError

if TYPE_CHECKING:
    from workmill.store import Store

T = TypeVar("T")
CALL_SECONDS = 60.0
"""The bound of a blocking call that has none of its own; the stores' own deadlines are shorter."""
_CLOSED = "the application was closed meanwhile; whether the store acted is unknown"


class Portal:
    """The way to the store from any thread and any event loop of this process.

    The thread, its loop and the store are made at the first call, and anew after `close` and in a forked process.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._lock = threading.Lock()
        self._home: _Home | None = None
        self._inherited: list[_Home] = []
        forked = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (forget := forked()) and forget())

    def run(self, work: Callable[[Session], Awaitable[T]], *, timeout: float | None = None) -> T:
        """Do the work where the store lives and block until it is done.

        Raises:
            StoreUnavailable: It was not done within `timeout` seconds (infinity waits as long as it takes), or the
                portal was closed meanwhile.
            WorkmillError: This is the very thread that would have to do it; await the call's twin instead.
        """
        home = self._entered()
        if home.is_here:
            raise WorkmillError(
                "a blocking call inside async code of an inline job; await its twin with the `a` before it"
            )
        seconds = None if timeout == math.inf else timeout or CALL_SECONDS
        future = home.submit(work)
        try:
            return future.result(seconds)
        except CancelledError:
            raise StoreUnavailable(_CLOSED) from None
        except TimeoutError:
            if future.done():
                return future.result()
            said = f"the store did not answer within {seconds} s; whether it acted is unknown"
            raise StoreUnavailable(said) from None
        finally:
            future.cancel()  # Nobody waits any more: after a timeout, or Ctrl-C.

    async def arun(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do the work where the store lives, without blocking the caller's loop.

        Raises:
            StoreUnavailable: The portal was closed meanwhile.
        """
        home = self._entered()
        if home.is_here:
            return await home.do(work)
        future = home.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            raise StoreUnavailable(_CLOSED) from None

    def direct(self) -> Direct | None:
        """Return the store where it is open and this thread may use it without its loop."""
        home = self._home
        return None if home is None or home.is_here else home.direct

    def close(self) -> None:
        """Close the store and end the thread; a later call begins anew. Safe to repeat.

        Raises:
            WorkmillError: This is that very thread.
        """
        home = self._home
        if home is not None and home.is_here:
            raise WorkmillError("the application cannot be closed by code that runs where its store lives")
        with self._lock:
            home, self._home = self._home, None
        if home is not None:
            home.end()
            atexit.unregister(self.close)

    def move(self, open_store: Callable[[], Store]) -> None:
        """Close the store; later calls open another."""
        self.close()
        self._open_store = open_store

    def _entered(self) -> _Home:
        home = self._home
        if home is not None:
            return home
        with self._lock:
            if self._home is None:
                self._home = _Home(self._open_store)
                atexit.register(self.close)
            return self._home

    def _forget(self) -> None:
        # In a forked child: the thread is not there, and the lock may be held by one that is not there either. What was
        # open is kept and never touched, because closing it here would be felt in the parent.
        self._lock = threading.Lock()
        if self._home is not None:
            self._inherited.append(self._home)
        self._home = None


class _Home:
    """A thread with an event loop, and the store that is open there.

    Attributes:
        direct: That store, where other threads may use it, too.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self.direct: Direct | None = None
        self._open_store = open_store
        self._session: Session | None = None
        self._opening = asyncio.Lock()
        self._lock = threading.Lock()
        self._is_ending = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="workmill-store", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether this is its thread."""
        return threading.current_thread() is self._thread

    def submit(self, work: Callable[[Session], Awaitable[T]]) -> Future[T]:
        """Have the work done here.

        Raises:
            StoreUnavailable: It is ending.
        """
        with self._lock:
            if self._is_ending:
                raise StoreUnavailable(_CLOSED)
            return asyncio.run_coroutine_threadsafe(self.do(work), self._loop)

    async def do(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do the work, with the store open."""
        return await work(self._session or await self._open())

    def end(self) -> None:
        """Cancel what waits, close the store and end the thread."""
        with self._lock:
            if not self._is_ending:
                self._is_ending = True
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._shut())
        finally:
            self._loop.close()

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is None:
                self._session = await self._opened(self._open_store())
            return self._session

    async def _opened(self, store: Store) -> Session:
        try:
            await store.open()
        except BaseException:
            await store.close()
            raise
        self.direct = store if isinstance(store, Direct) else None
        return Session(store=store, watch=Watch(store), channels=Watch(store, NoticeKind.PUBLISHED))

    async def _shut(self) -> None:
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=CALL_SECONDS)
        if self._session is not None:
            await self._session.watch.close()
            await self._session.channels.close()
            with suppress(StoreUnavailable):  # It is gone already.
                await self._session.store.close()
