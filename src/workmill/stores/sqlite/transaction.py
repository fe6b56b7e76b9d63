"""The write transaction as a verb sees it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

from workmill.store import NoticeKind
from workmill.stores.sqlite.account import Account, Lane
from workmill.stores.sqlite.driver import Connection, Value
from workmill.stores.sqlite.statements import MOST_ROWS, for_rows, statements
from workmill.stores.sqlite.strands import told, written
from workmill.stores.sqlite.talk import Talk, read
from workmill.words.codec import Json

T = TypeVar("T")

LARGEST = 2**63 - 1
"""The largest integer that SQLite holds."""


class Transaction:
    """One transaction, shared by the verbs of a group.

    Attributes:
        now: The moment of the transaction, in microseconds.
        account: What is to be counted and told.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self.now = now
        self.account = Account(now)
        self._connection = connection

    def run(self, statement: str, *values: Value) -> None:
        """Run a statement that answers nothing."""
        self._connection.execute(statement, values)

    def run_each(self, statement: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run a statement that takes many rows, whole or not at all."""
        if not rows:
            return
        if len(rows) <= MOST_ROWS:
            self._connection.execute(for_rows(statement, len(rows)), list(chain.from_iterable(rows)))
            return
        with self._whole():
            for begin in range(0, len(rows), MOST_ROWS):
                self.run_each(statement, rows[begin : begin + MOST_ROWS])

    def value(self, statement: str, *values: Value) -> Value:
        """Return the one value that a statement answers; None also when it answers no row."""
        return self._first(statement, values)

    def batch(self, statement: str, *values: Value) -> Json:
        """Return the JSON that a statement answers."""
        return read(self._first(statement, values))

    def batch_each(self, statement: str, rows: Sequence[Sequence[Value]]) -> Json:
        """Return the JSON arrays, as one, that a statement answers which takes many rows."""
        found: list[Json] = []
        for begin in range(0, len(rows), MOST_ROWS):
            some = rows[begin : begin + MOST_ROWS]
            found += read(self._first(for_rows(statement, len(some)), list(chain.from_iterable(some))))
        return found

    def hold(self, talk: Talk[T]) -> T:
        """Say what a talk says, and return what comes of it."""
        answer: Value = None
        while True:
            try:
                statement, values = talk.send(answer)
            except StopIteration as end:
                returned: T = end.value
                return returned
            answer = self._first(statement, values)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let several reading statements see one state of the file."""
        self.run("BEGIN")
        try:
            yield
        finally:
            self.run("COMMIT")

    def count(self, lane: Lane, jobs: int) -> None:
        """Remember that there are so many jobs more of one kind."""
        self.account.count(lane, jobs)

    def flush(self) -> None:
        """Write what `count` and `Account.moved` remembered, so that the next statement sees it."""
        self.run_each(statements("tally")["add"], self.account.counted())
        if self.account.has_moves:
            self.hold(written(self.account))

    def finish(self) -> None:
        """Write what is left to write before the commit, and find out what is left to tell."""
        self.flush()
        if self.account.has_room:
            self.hold(told(self.account))

    def flush_queued(self) -> None:
        """Write what `count` remembered if by it a lane that a claim must see may be new."""
        if self.account.has_more_queued():
            self.flush()

    def tell(self, kind: NoticeKind, *, queue: str = "", channel: str = "", job_ids: Iterable[str] = ()) -> None:
        """Remember to send a notice once the transaction is committed."""
        self.account.tell(kind, queue=queue, channel=channel, job_ids=job_ids)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self.run("SAVEPOINT rows")
        try:
            yield
        except BaseException:
            # After a failure of the disk SQLite may have rolled back all of the transaction.
            if self._connection.in_transaction:
                self.run("ROLLBACK TO rows")
                self.run("RELEASE rows")
            raise
        self.run("RELEASE rows")

    def _first(self, statement: str, values: Sequence[Value]) -> Value:
        # One step and no more: every step gives up the interpreter's lock.
        cursor = self._connection.execute(statement, values)
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]
