"""A store of a solo process, for jobs that end themselves in a transaction of their own: opened when the first does."""

import asyncio
import threading

from workmill.store import Store
from workmill.words.errors import StoreUnavailable

OPEN_SECONDS = 30.0
"""How long opening may take."""


class StoreThread:
    """Keeps a store open on an event loop of its own, in a thread that ends with the process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = threading.Lock()
        self._is_open = False

    def open(self) -> None:
        """Return when the store is open. From any thread.

        Raises:
            StoreError: It cannot be opened; the next call tries again.
        """
        with self._opening:
            if not self._is_open:
                self._open(self._running_loop())
                self._is_open = True

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        opening = asyncio.run_coroutine_threadsafe(self._store.open(), loop)
        try:
            opening.result(OPEN_SECONDS)
        except TimeoutError:
            opening.cancel()
            raise StoreUnavailable(f"the store did not open within {OPEN_SECONDS:g} s") from None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="workmill-store", daemon=True).start()
        return self._loop
