"""One connection as statements go over it: by libpq's own calls, which cost half of what a cursor does."""

import asyncio
import select
from collections.abc import Sequence
from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from workmill.words.codec import Json

Line: TypeAlias = AsyncConnection[tuple[Json, ...]]
Rows: TypeAlias = list[tuple[Json, ...]]

SUCCESSES = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}


class Wire:
    """A connection that takes one statement at a time. Belongs to the loop on which it was made.

    ```
    idle ──run()──► under way ──answer──► idle
     │                  │
     └──────────────────┴──the server hangs up, the deadline passes, the caller is cancelled──► of no more use
    ```

    Args:
        line: An open connection in autocommit; nobody else uses it from now on.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._connection = line.pgconn
        self._socket = self._connection.socket
        self._rows = Transformer(line)
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[PGresult] | None = None
        self._result: PGresult | None = None
        self._ends_at = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._is_sending = False
        self._is_watched = True
        self._loop.add_reader(self._socket, self._read)

    @property
    def is_idle(self) -> bool:
        """Whether it can take the next statement."""
        return self._is_watched and self._connection.transaction_status == TransactionStatus.IDLE

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come while it was idle: a server that ended has said so, or hung up."""
        if not self.is_idle:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    async def run(self, sql: bytes, values: Sequence[bytes | None], *, seconds: float) -> Rows:
        """Run one statement and return its rows.

        Raises:
            psycopg.Error: The server refused it, or is gone.
            TimeoutError: There was no answer within `seconds`.
        """
        answer = self._answer = self._loop.create_future()
        self._ends_at = self._loop.time() + seconds
        if self._deadline is None:
            self._deadline = self._loop.call_at(self._ends_at, self._look_at_deadline)
        try:
            self._connection.send_query_params(sql, values)
            self._send()
            return self._read_rows(await answer)
        finally:
            self._answer = self._result = None

    def close(self) -> None:
        """Hang up. Safe to repeat."""
        self._stop_watching()
        self._connection.finish()

    def _read_rows(self, result: PGresult) -> Rows:
        if result.status not in SUCCESSES:
            raise self._error_of(result)
        self._rows.set_pgresult(result)
        rows: Rows = self._rows.load_rows(0, result.ntuples, tuple)
        return rows

    def _error_of(self, result: PGresult) -> psycopg.Error:
        error = errors.error_from_result(result)
        if isinstance(error, errors.ReadOnlySqlTransaction):
            self.close()  # Another server is the primary now: who connects anew may find it.
        return error

    def _send(self) -> None:
        """Send what the socket takes now, and the rest when it takes more."""
        if not self._connection.flush():
            if self._is_sending:
                self._loop.remove_writer(self._socket)
            self._is_sending = False
        elif not self._is_sending:
            self._is_sending = True
            self._loop.add_writer(self._socket, self._send_more)

    def _send_more(self) -> None:
        try:
            self._send()
        except psycopg.Error as error:
            self._fail(error)

    def _read(self) -> None:
        connection = self._connection
        try:
            connection.consume_input()
            while not connection.is_busy():
                result = connection.get_result()
                if result is None:
                    self._finish()
                    return
                self._result = result
        except psycopg.Error as error:
            if self._result is None:
                self._fail(error)
            else:
                self._finish()  # It said why before it hung up.
                self._stop_watching()

    def _finish(self) -> None:
        if self._answer is None or self._result is None:
            self._stop_watching()  # Nobody asked.
        elif not self._answer.done():
            self._answer.set_result(self._result)

    def _fail(self, error: Exception) -> None:
        self._stop_watching()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _look_at_deadline(self) -> None:
        # One timer serves many statements: most are over long before it comes.
        self._deadline = None
        if self._answer is None:
            return
        if self._loop.time() >= self._ends_at:
            self._fail(TimeoutError())
        else:
            self._deadline = self._loop.call_at(self._ends_at, self._look_at_deadline)

    def _stop_watching(self) -> None:
        # Once, and before anybody else gets a socket of this number.
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            if self._deadline is not None:
                self._deadline.cancel()
