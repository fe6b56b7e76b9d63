"""The write transaction as a verb sees it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

import apsw

from workmill.store import Notice, NoticeKind
from workmill.stores.sqlite.rows import unpack
from workmill.stores.sqlite.statements import for_rows, statements
from workmill.words.codec import Json
from workmill.words.job import JobState

Value = str | int | float | bytes | None
Lane = tuple[str, str, str]
"""A line of the tally: state, task, queue."""

LARGEST = 2**63 - 1
"""The largest integer that SQLite holds."""

MOST_ROWS = 128
"""How many rows one statement takes, so that those kept prepared for every number of rows stay small."""


class Mark(NamedTuple):
    """A point within a transaction."""

    tally: Counter[Lane]
    told: int
    is_in_stretch: bool


class Transaction:
    """One transaction, shared by the verbs of a group.

    Attributes:
        now: The moment of the transaction, in microseconds.
        is_in_stretch: Whether it is noted when the jobs that the transaction stores were stored.
    """

    def __init__(self, connection: apsw.Connection, now: int) -> None:
        self.now = now
        self.is_in_stretch = False
        self._connection = connection
        self._tally: Counter[Lane] = Counter()
        self._notices: list[Notice] = []

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement that answers nothing and return how many rows it changed."""
        self._connection.execute(statement, values)
        return self._connection.changes()

    def run_each(self, statement: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run a statement that takes many rows, whole or not at all."""
        if not rows:
            return
        if len(rows) <= MOST_ROWS:
            self._connection.execute(for_rows(statement, len(rows)), list(chain.from_iterable(rows)))
            return
        with self._connection:
            for begin in range(0, len(rows), MOST_ROWS):
                self.run_each(statement, rows[begin : begin + MOST_ROWS])

    def value(self, statement: str, *values: Value) -> Value:
        """Return the one value that a statement answers; None also when it answers no row."""
        return self._first(statement, values)

    def batch(self, statement: str, *values: Value) -> Json:
        """Return the JSON that a statement answers."""
        return _read(self._first(statement, values))

    def batch_each(self, statement: str, rows: Sequence[Sequence[Value]]) -> Json:
        """Return the JSON arrays, as one, that a statement answers which takes many rows."""
        found: list[Json] = []
        for begin in range(0, len(rows), MOST_ROWS):
            some = rows[begin : begin + MOST_ROWS]
            found += _read(self._first(for_rows(statement, len(some)), list(chain.from_iterable(some))))
        return found

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
        self._tally[lane] += jobs

    def flush(self) -> None:
        """Write what `count` remembered, so that the next statement sees it."""
        changed = [(*lane, jobs) for lane, jobs in self._tally.items() if jobs]
        if changed:
            self.run_each(statements("tally")["add"], changed)
        self._tally.clear()

    def flush_queued(self) -> None:
        """Write what `count` remembered if by it a lane that a claim must see may be new."""
        if any(jobs > 0 and lane[0] == JobState.QUEUED for lane, jobs in self._tally.items()):
            self.flush()

    def tell(self, kind: NoticeKind, *, queue: str = "", job_ids: Iterable[str] = ()) -> None:
        """Remember to send a notice once the transaction is committed."""
        self._notices.append(Notice(kind=kind, queue=queue, job_ids=tuple(job_ids)))

    @property
    def notices(self) -> list[Notice]:
        """What is to be told after the commit."""
        return self._notices

    def mark(self) -> Mark:
        """Return a point that `back_to` can return to."""
        return Mark(self._tally.copy(), len(self._notices), self.is_in_stretch)

    def back_to(self, mark: Mark) -> None:
        """Forget what was counted, told and noted since a point."""
        self._tally, told, self.is_in_stretch = mark
        del self._notices[told:]

    def _first(self, statement: str, values: Sequence[Value]) -> Value:
        # One step and no more: every step gives up the interpreter's lock.
        cursor = self._connection.execute(statement, values)
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]


def _read(text: Value) -> Json:
    return unpack(text if isinstance(text, bytes) else str(text).encode())
