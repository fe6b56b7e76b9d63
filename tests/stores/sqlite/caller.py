"""A caller's own connection to the SQLite file, in a thread of its own, and its own table beside the store's."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from workmill.stores.sqlite.driver import DriverName
from workmill.words.conversation import Conversation, Statement

T = TypeVar("T")

PATIENCE_SECONDS = 30


class SqliteCaller:
    """One transaction after another on one connection of a driver's. It takes the write lock when one begins."""

    def __init__(self, driver: DriverName, path: Path) -> None:
        self._driver = driver
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="caller")
        self._connection: Any = None

    async def open(self) -> None:
        """Connect, and make the caller's table: one text."""
        await self._do(self._connect)

    async def hold(self, conversation: Conversation[T]) -> T:
        """Hold a conversation of the store's, and return what comes of it or raise what it raises."""
        return await self._do(lambda: self._hold(conversation))

    async def write(self, text: str) -> None:
        """Store a row of the caller's own."""
        await self._do(lambda: self._run("INSERT INTO mine VALUES (?)", [text]))

    async def read(self) -> list[str]:
        """Return the caller's own rows that this connection sees."""
        rows = await self._do(lambda: list(self._connection.execute("SELECT text FROM mine ORDER BY rowid")))
        return [text for (text,) in rows]

    async def commit(self) -> None:
        """Commit the transaction."""
        await self._do(lambda: self._end("COMMIT"))

    async def roll_back(self) -> None:
        """Roll the transaction back."""
        await self._do(lambda: self._end("ROLLBACK"))

    async def close(self) -> None:
        """Close the connection; what is not committed is rolled back."""
        if self._connection is not None:
            await self._do(self._connection.close)
            self._connection = None
            self._thread.shutdown()

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _connect(self) -> None:
        if self._driver == "apsw":
            self._connection = apsw.Connection(str(self._path))
            self._connection.set_busy_timeout(PATIENCE_SECONDS * 1000)
        else:
            self._connection = sqlite3.connect(self._path, timeout=PATIENCE_SECONDS, isolation_level=None)
        self._connection.execute("CREATE TABLE IF NOT EXISTS mine (text)")

    def _hold(self, conversation: Conversation[T]) -> T:
        try:
            statement = next(conversation)
            while True:
                statement = self._say(statement, conversation)
        except StopIteration as end:
            answer: T = end.value
            return answer

    def _say(self, statement: Statement, conversation: Conversation[Any]) -> Statement:
        try:
            rows = self._run(statement.sql.replace("%s", "?"), statement.values)
        except (apsw.Error, sqlite3.Error) as error:
            return conversation.throw(error)
        return conversation.send(rows)

    def _run(self, sql: str, values: Sequence[Any]) -> list[Any]:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        return list(self._connection.execute(sql, values))

    def _end(self, how: str) -> None:
        if self._connection.in_transaction:
            self._connection.execute(how)
