"""The one thread of a store that only reads. In WAL mode it neither waits for writers nor makes them wait."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from workmill.stores.sqlite.calls import Calls, Waiting, tell
from workmill.stores.sqlite.connecting import Whereabouts, open_reader
from workmill.stores.sqlite.driver import Connection, Driver
from workmill.stores.sqlite.failures import translated
from workmill.stores.sqlite.forking import Inside
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.clock import Clock
from workmill.words.ticks import ticks

T = TypeVar("T")


class Reader:
    """Runs reading verbs, one after another. Each sees all that was committed before it was asked for."""

    def __init__(self, path: Path, driver: Driver, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        self._path = path
        self._driver = driver
        self._clock = clock
        self._calls: Calls[Transaction] = Calls(loop)
        self._opened: asyncio.Future[None] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()

    async def open(self) -> None:
        """Start the thread and wait until the file is open.

        Raises:
            StoreUnavailable: It cannot be opened.
        """
        threading.Thread(target=self._work, name="workmill-reader", daemon=True).start()
        try:
            await self._opened
        except asyncio.CancelledError:
            self._calls.end()
            raise

    def do(self, verb: Callable[[Transaction], T]) -> asyncio.Future[T]:
        """Run a verb that only reads."""
        return self._calls.put(verb)

    async def close(self) -> None:
        """Finish what was put before, then let go of the file."""
        self._calls.end()
        await self._closed

    def _work(self) -> None:
        # The connection is a local of this thread, so that a forked child never closes it.
        inside = Inside()
        try:
            with inside:
                connection = open_reader(self._path, self._driver)
            whereabouts = Whereabouts(self._path)
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the opening
            tell(self._opened, translated(error, self._path))
            return
        tell(self._opened)
        goes_on = True
        while goes_on and (first := self._calls.first()):
            calls, goes_on = self._calls.beside(first)
            with inside:
                self._serve(connection, whereabouts, calls)
        with inside, contextlib.suppress(self._driver.error):
            connection.close()
        tell(self._closed)

    def _serve(self, connection: Connection, whereabouts: Whereabouts, calls: Sequence[Waiting[Transaction]]) -> None:
        for call in calls:
            try:
                whereabouts.check()
                call.run(Transaction(connection, ticks(self._clock())))
            except Exception as error:  # noqa: BLE001 - raised again by whoever waits for this call
                call.fail(translated(error, self._path))
            self._calls.answer([call])
