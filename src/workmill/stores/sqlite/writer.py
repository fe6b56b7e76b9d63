"""The one thread of a store that writes: all that waits goes into one transaction, answered after its commit."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from workmill.store import Notice
from workmill.stores.sqlite.calls import Calls, Waiting, tell
from workmill.stores.sqlite.connecting import Whereabouts, open_writer
from workmill.stores.sqlite.driver import Connection, Driver
from workmill.stores.sqlite.failures import is_the_verbs_own, translated
from workmill.stores.sqlite.forking import Inside
from workmill.stores.sqlite.gate import GATE, GATE_SECONDS, Gate
from workmill.stores.sqlite.transaction import Transaction
from workmill.stores.sqlite.wake import Bells, make_folder
from workmill.words.clock import Clock
from workmill.words.ticks import ticks

T = TypeVar("T")


class Writer:
    """Runs verbs in groups: one transaction, one sync of the disk and one turn of the event loop for all of a group.

    A verb that raises takes back only its own part. When the transaction as a whole fails, all of the group fail.
    """

    def __init__(self, path: Path, driver: Driver, clock: Clock, wake_folder: Path) -> None:
        self._path = path
        self._driver = driver
        self._clock = clock
        self._wake_folder = wake_folder
        self._is_full = True
        self._calls: Calls[Transaction] = Calls(asyncio.get_running_loop())
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Start the thread and wait until the file is ready.

        Raises:
            StoreError: It is not.
        """
        # A daemon, so that a program which never closed its store still ends.
        threading.Thread(target=self._work, name="workmill-writer", daemon=True).start()
        try:
            await self._opened
        except asyncio.CancelledError:
            self._calls.end()
            raise

    def do(self, verb: Callable[[Transaction], T], *, is_durable: bool) -> asyncio.Future[T]:
        """Run a verb in the next transaction; the answer comes after its commit.

        A transaction without durable verbs does not wait for the disk. A power cut may undo it, but never alone: what
        is durable and came after it in the file is on the disk only together with it.
        """
        return self._calls.put(verb, is_durable=is_durable)

    async def close(self) -> None:
        """Finish what was put before, then let go of the file."""
        self._calls.end()
        await self._closed

    def _work(self) -> None:
        # The connection is a local of this thread, so that a forked child never closes it.
        inside = Inside()
        try:
            with inside:
                connection = open_writer(self._path, self._driver)
            whereabouts = Whereabouts(self._path)
            folder = self._wake_folder if make_folder(self._wake_folder) else None
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the opening
            tell(self._opened, translated(error, self._path))
            return
        gate, bells = Gate(folder and folder / GATE), Bells(folder)
        tell(self._opened)
        goes_on = True
        while goes_on and (first := self._calls.first()):
            gate.enter(GATE_SECONDS)
            calls, goes_on = self._calls.beside(first)
            with inside:
                notices = self._serve(connection, whereabouts, calls)
            gate.leave()
            self._calls.answer(calls)
            bells.ring(notices)
        with inside, contextlib.suppress(self._driver.error):
            connection.close()
        gate.close()
        bells.close()
        tell(self._closed)

    def _serve(
        self, connection: Connection, whereabouts: Whereabouts, calls: Sequence[Waiting[Transaction]]
    ) -> Sequence[Notice]:
        try:
            whereabouts.check()
            return self._commit(connection, calls)
        except Exception as error:  # noqa: BLE001 - raised again by all who wait for this transaction
            self._roll_back(connection)
            for call in calls:
                call.fail(translated(error, self._path))
            return ()

    def _commit(self, connection: Connection, calls: Sequence[Waiting[Transaction]]) -> Sequence[Notice]:
        self._synchronise(connection, is_full=any(call.is_durable for call in calls))
        connection.execute("BEGIN IMMEDIATE")
        # Only now that nobody else can write: the moment must not be older than what others have written.
        transaction = Transaction(connection, ticks(self._clock()))
        if len(calls) == 1:
            if not self._alone(calls[0], transaction):
                connection.execute("ROLLBACK")
                return ()
        else:
            for call in calls:
                self._beside_others(connection, call, transaction)
        transaction.finish()
        connection.execute("COMMIT")
        return transaction.account.notices

    def _synchronise(self, connection: Connection, *, is_full: bool) -> None:
        if is_full != self._is_full:
            connection.execute("PRAGMA synchronous = FULL" if is_full else "PRAGMA synchronous = NORMAL")
            self._is_full = is_full

    def _alone(self, call: Waiting[Transaction], transaction: Transaction) -> bool:
        try:
            call.run(transaction)
        except Exception as error:
            if not is_the_verbs_own(error):
                raise
            call.fail(translated(error, self._path))
            return False
        return True

    def _beside_others(self, connection: Connection, call: Waiting[Transaction], transaction: Transaction) -> None:
        mark = transaction.account.mark()
        connection.execute("SAVEPOINT verb")
        try:
            call.run(transaction)
        except Exception as error:
            if not is_the_verbs_own(error) or not connection.in_transaction:
                raise
            call.fail(translated(error, self._path))
            connection.execute("ROLLBACK TO verb")
            transaction.account.back_to(mark)
        connection.execute("RELEASE verb")

    def _roll_back(self, connection: Connection) -> None:
        # After a failure of the disk SQLite may have rolled back by itself, or be unable to.
        with contextlib.suppress(self._driver.error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
