"""Storing and ending in a transaction of the caller's: statements of one text each, which every driver can send.

A conversation knows nothing of the connection that it is held on, so each statement also says which store is meant.
"""

import json
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from workmill.store import Enqueued, Notice, NoticeKind, Verdict
from workmill.stores.postgres.drafting import are_ruled, draft, plain_draft
from workmill.stores.postgres.enqueueing import check, known, lanes_of, notices_of, unknown
from workmill.stores.postgres.rows import text_of
from workmill.stores.postgres.session import LaneName, Session
from workmill.stores.postgres.statements import statements
from workmill.stores.postgres.storing import answers, anything
from workmill.stores.postgres.wake import channel, folded, written
from workmill.words.codec import Json, dump, dump_failure
from workmill.words.conversation import Conversation, Statement
from workmill.words.draft import born
from workmill.words.errors import StoreError, StoreUnavailable
from workmill.words.job import Job, JobState, NewJob
from workmill.words.ticks import length_of
from workmill.words.transition import Transition

MOST_TRIES = 20
ELSEWHERE = "elsewhere"
NO_STORE = {"3F000", "42883", "42P01"}
"""SQLSTATEs where a database has no such schema, function or table."""
DENIED = "42501"
FAILED_BEFORE = "25P02"
ESCAPED_NUL = "\\u0000"
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
Rows = Sequence[Sequence[Json]]
Lanes = Mapping[LaneName, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How a conversation finds the store, and knows it.

    Attributes:
        address: What people call it.
        store_name: What tells it from any other.
    """

    address: str
    schema: str
    store_name: str

    def ask(self, statement: str, fields: Mapping[str, Json]) -> Generator[Statement, Rows, Rows]:
        """Say one statement and return its rows.

        Raises:
            StoreError: The connection is to another database, or something has no form in the tables.
        """
        sql = statements("within", self.schema)[statement].decode()
        value = request({"store": self.store_name} | dict(fields))
        try:
            rows = yield Statement(sql, (value,))
        except Exception as error:
            state = sqlstate(error)
            if state in NO_STORE:
                raise self.elsewhere() from error
            if state == FAILED_BEFORE:
                error.add_note("an earlier statement of this transaction had failed, which nobody rolled back")
            if state == DENIED:
                error.add_note(f"the connection's role needs rights in the schema {self.schema} to store or end jobs")
            raise
        if rows and rows[0][0] == ELSEWHERE:
            raise self.elsewhere()
        return rows

    def notices(self, notices: Sequence[Notice]) -> list[Json]:
        """Return notices as the transaction tells them."""
        return [
            {"channel": channel(self.schema, notice.kind), "payload": written(notice)} for notice in folded(notices)
        ]

    def elsewhere(self) -> StoreError:
        """Return the error about a connection to another database."""
        return StoreError(
            f"the connection is to another database than the jobs, which are in {self.address}; "
            "give a connection to that"
        )


async def store_name(session: Session) -> str:
    """Return what tells this store from any other."""
    ((name,),) = await session.run("within", "store_name")
    return str(name)


async def enqueue_within(jobs: Sequence[NewJob], door: Door, session: Session) -> Conversation[list[Enqueued]]:
    """See `Store.enqueue_within`. Lanes that are new are made at once, by a transaction of the room's own."""
    for new in jobs:
        check(new)
    numbers = await lanes_of(jobs, session)
    if are_ruled(jobs):
        return storing_ruled(jobs, [draft(new, lane) for new, lane in zip(jobs, numbers, strict=True)], door)
    lanes = {lane_name(new): lane for new, lane in zip(jobs, numbers, strict=True)}
    return storing(jobs, lanes, door)


def storing_ruled(jobs: Sequence[NewJob], drafts: Sequence[Json], door: Door) -> Conversation[list[Enqueued]]:
    """Store a batch in which a job is more than plain."""
    notices = [*notices_of(jobs), *(Notice(kind=NoticeKind.SCHEDULED) for new in jobs if new.policy.expires)]
    told = {"notices": door.notices(notices), "followed": anything(door.schema)}
    for _ in range(MOST_TRIES):
        rows = yield from door.ask("ruled", {"jobs": drafts} | told)
        if rows:
            return answers(rows)
    raise StoreUnavailable("the same jobs were stored and deleted again and again meanwhile; repeat the call")


def storing(jobs: Sequence[NewJob], lanes: Lanes, door: Door) -> Conversation[list[Enqueued]]:
    """Store those of the jobs that are not known by their id or key, and answer the known as they are stored.

    At first none is thought to be known, which is nearly always true.
    """
    fresh, named = list(jobs), dict[str, Job]()
    keyed = dict[tuple[str, str | None], Job]()
    for _ in range(MOST_TRIES):
        rows = (yield from door.ask("enqueue", drafts(fresh, lanes, door))) if fresh else [("stored", 0)]
        if rows and rows[0][0] == "ruled":
            return (yield from storing_ruled(jobs, [draft(new, lanes[lane_name(new)]) for new in jobs], door))
        if rows and rows[0][0] == "stored":
            return answered(jobs, {new.id: born(new, rows[0][1]) for new in fresh}, named, keyed)
        for row in rows:
            job = known(tuple(row)[2:])
            named[job.id] = job
            keyed[job.task, job.key] = job
        fresh = unknown(jobs, named, keyed)
    raise StoreUnavailable("the same jobs were stored and deleted again and again meanwhile; repeat the call")


def answered(
    jobs: Sequence[NewJob],
    created: dict[str, Job],
    named: Mapping[str, Job],
    keyed: Mapping[tuple[str, str | None], Job],
) -> list[Enqueued]:
    """Return each job as it is stored; the first to name one that was created says so."""
    by_id = {**named, **created}
    by_key = {**keyed, **{(job.task, job.key): job for job in created.values()}}
    first = dict(created)
    return [
        Enqueued(job=by_id.get(new.id) or by_key[new.task, new.key], created=first.pop(new.id, None) is not None)
        for new in jobs
    ]


def drafts(jobs: Sequence[NewJob], lanes: Lanes, door: Door) -> dict[str, Json]:
    """Return what the server must know to store jobs."""
    return {
        "jobs": [plain_draft(new, lanes[lane_name(new)]) for new in jobs],
        "notices": door.notices(notices_of(jobs)),
    }


def lane_name(new: NewJob) -> LaneName:
    """Return what names the lane of a job."""
    return new.task, new.queue, new.priority


def settle_within(transition: Transition, door: Door) -> Conversation[Verdict]:
    """See `Store.settle_within`."""
    told = {"notices": door.notices(ends(transition)), "followed": anything(door.schema)}
    ((verdict,),) = yield from door.ask("settle", end(transition) | told)
    return Verdict(verdict)


def end(transition: Transition) -> dict[str, Json]:
    """Return what is stored of the end of an attempt."""
    return {
        "id": transition.job_id,
        "token": transition.token,
        "state": transition.state,
        "ending": transition.ending,
        "attempt": transition.attempt,
        "deaths": transition.deaths,
        "keep": length_of(transition.keep),
        "delay": None if transition.delay is None else length_of(transition.delay),
        "result": None if transition.result is None else text_of("result", transition.result),
        "failure": None if transition.failure is None else dump_failure(transition.failure),
        "reason": transition.reason,
    }


def ends(transition: Transition) -> list[Notice]:
    """Return what is to be told of the end of an attempt."""
    notices = [Notice(kind=NoticeKind.CHANGED, job_ids=(transition.job_id,))]
    if transition.state is JobState.QUEUED:
        notices.append(Notice(kind=NoticeKind.QUEUED))
    elif not transition.state.is_final:
        notices.append(Notice(kind=NoticeKind.SCHEDULED))
    return notices


def request(fields: Mapping[str, Json]) -> str:
    """Write a request in ASCII, so that the encoding of the caller's connection does not matter.

    Raises:
        StoreError: A text cannot be stored. Here, as the server's refusal would undo the caller's transaction.
    """
    try:
        dump(fields)
    except ValueError as error:
        raise StoreError(f"a value that the tables cannot hold was refused: {error}") from error
    text = json.dumps(fields)
    if ESCAPED_NUL in text and NUL.search(text):
        raise StoreError("a value that the tables cannot hold was refused: a text with a NUL character in it")
    return text


def sqlstate(error: BaseException) -> str | None:
    """Return what the server called an error, however a driver or what is built upon one has wrapped it."""
    for each in layers(error):
        for name in ("sqlstate", "pgcode"):
            code = getattr(each, name, None)
            if isinstance(code, str):
                return code
    return None


def layers(error: BaseException) -> Iterable[BaseException]:
    """Return an error and those it was made of."""
    each: object = error
    for _ in range(5):
        if not isinstance(each, BaseException):
            return
        yield each
        each = getattr(each, "orig", None) or each.__cause__
