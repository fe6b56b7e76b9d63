"""What this room says on a connection of the caller's, inside the caller's transaction.

It looks first and inserts then, because a statement that fails would leave its mark on a transaction that is not ours;
what was found stays true, as the write lock is held from the second statement on.
"""

import os
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from workmill.store import Enqueued, Verdict
from workmill.stores.sqlite import enqueueing, settling, storing
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.failures import Code, code_of
from workmill.stores.sqlite.settling import Run
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.strands import finished
from workmill.stores.sqlite.talk import Talk, ask, say, say_each
from workmill.stores.sqlite.watching import Expected
from workmill.words.clock import Clock
from workmill.words.conversation import Conversation, Statement
from workmill.words.errors import StoreError, WorkmillError
from workmill.words.job import NewJob
from workmill.words.ticks import ticks
from workmill.words.transition import Transition
from workmill.words.unique import OnConflict

T = TypeVar("T")

Expect = Callable[[Expected], None]
"""Takes note of what is to be told once it is committed."""

PLACEHOLDER = re.compile(r"\?(\d*)")
SNAPSHOT_NOTE = (
    "The write lock cannot be had: another connection has it or, where this transaction began by reading, has written "
    "since. Begin such a transaction with BEGIN IMMEDIATE."
)


def enqueue_within(jobs: Sequence[NewJob], path: Path, clock: Clock, expect: Expect) -> Conversation[list[Enqueued]]:
    """See `Store.enqueue_within`."""
    yield from take_lock(path)
    account = Account(ticks(clock()))
    storing_all = storing.store(jobs, account)
    answers = yield from spoken(whole(storing_all) if any(map(takes_a_place, jobs)) else storing_all)
    created = enqueueing.created_of(answers)
    if created:
        yield from spoken(finished(account))
        expect(Expected(job_id=created[0].id, version=created[0].version, notices=tuple(account.notices)))
    return answers


def takes_a_place(new: NewJob) -> bool:
    """Whether a job is to be stored in the place of another, which is cancelled before it is known whether all are."""
    return new.unique is not None and new.unique.on_conflict is OnConflict.REPLACE


def whole(talk: Talk[T]) -> Talk[T]:
    """Say a talk that takes back what it wrote where it refuses what it was asked for."""
    sql = statements("within")
    yield from say(sql["begin"])
    try:
        answer = yield from talk
    except WorkmillError:
        yield from say(sql["take_back"])
        yield from say(sql["end"])
        raise
    yield from say(sql["end"])
    return answer


def settle_within(transition: Transition, path: Path, clock: Clock, expect: Expect) -> Conversation[Verdict]:
    """See `Store.settle_within`."""
    yield from take_lock(path)
    account = Account(ticks(clock()))
    run, version = yield from run_of(transition, account.now)
    verdict = settling.verdict_on(transition, run)
    if run is None or verdict is not Verdict.APPLIED:
        return verdict
    applied = [(transition, run)]
    yield from spoken(say_each(statements("settle")["apply"], [settling.row_of(transition, run, account.now)]))
    yield from spoken(say_each(statements("settle")["record"], settling.attempts_of(applied, account.now)))
    settling.note(applied, account)
    yield from spoken(settling.conclude(settling.bound(applied), account))
    yield from spoken(finished(account))
    expect(Expected(job_id=transition.job_id, version=version + 1, notices=tuple(account.notices)))
    return verdict


def run_of(transition: Transition, now: int) -> Conversation[tuple[Run | None, int]]:
    """Find the running attempt that a transition ends, whose worker lives, and the version of its job."""
    found = yield from spoken(ask(statements("within")["run"], transition.job_id, transition.token, now))
    if not found:
        return None, 0
    *run, version = found[0]
    return Run._make(run), version


def take_lock(path: Path) -> Conversation[None]:
    """Take the write lock of our file: the moment of the transaction must not be older than what others have written.

    Raises:
        StoreError: The connection is to another database.
    """
    databases = yield Statement("PRAGMA database_list")
    opened = next((database[2] for database in databases if database[0] == 0), "")
    if not is_at(opened, path):
        where = repr(os.fsdecode(opened)) if opened else "a database in memory"
        raise StoreError(f"the connection is to {where} and the jobs are in {str(path)!r}; give a connection to that")
    try:
        yield said(statements("within")["lock"])
    except Exception as error:
        # Whatever wraps a driver's error names it as the cause.
        if Code.BUSY in {code_of(error), code_of(error.__cause__ or error)}:
            error.add_note(SNAPSHOT_NOTE)
        raise


def is_at(opened: str | bytes, path: Path) -> bool:
    """Whether a file that SQLite has opened is ours. Nothing is opened for it: to close it would drop all locks."""
    try:
        return bool(opened) and Path(os.fsdecode(opened)).samefile(path)
    except OSError:
        return False


def spoken(talk: Talk[T]) -> Conversation[T]:
    """Say what a talk says."""
    answer: Value = None
    while True:
        try:
            statement, values = talk.send(answer)
        except StopIteration as end:
            returned: T = end.value
            return returned
        rows = yield said(statement, *values)
        answer = rows[0][0] if rows else None


def said(statement: str, *values: Value) -> Statement:
    """Return one of this room's statements as conversations spell it."""
    sql, places = spelled(statement)
    # Drivers are not asked to know enumerations.
    return Statement(
        sql, tuple(str(value) if isinstance(value, str) else value for value in map(values.__getitem__, places))
    )


@lru_cache(maxsize=512)
def spelled(statement: str) -> tuple[str, tuple[int, ...]]:
    """Return a statement with `%s` for its placeholders, and which value goes where: `?2` is always the second."""
    places = (int(number) - 1 if number else order for order, number in enumerate(PLACEHOLDER.findall(statement)))
    return PLACEHOLDER.sub("%s", statement), tuple(places)
