"""Storing one job that may begin at once: a caller waits for it, so what can be made before is kept."""

from dataclasses import dataclass
from functools import lru_cache

from workmill.store import Enqueued
from workmill.stores.redis.drafting import head_of, is_plain, unstorable
from workmill.stores.redis.rows import FIELDS, header, pack
from workmill.stores.redis.session import Session
from workmill.words.draft import born
from workmill.words.job import JobState, NewJob
from workmill.words.policy import Policy

STATE, PLACE, CREATED_AT = (FIELDS.index(name) for name in ("state", "place", "created_at"))
TURNS = 2**44
"""As in the scripts: the places between one priority and the next."""


@dataclass(frozen=True, slots=True)
class Mould:
    """What the jobs of one task, queue, priority and policy have in common, as the script wants it.

    Attributes:
        start: What stands before the arguments in a doc.
        head: The parts of a head, behind which stand the moment of storing and its place.
        turn: When a job is next, but for its place.
        notice: What is said of it to those who listen.
    """

    street: bytes
    queue: bytes
    start: bytes
    head: tuple[bytes, bytes]
    turn: int
    notice: bytes


def is_single(new: NewJob) -> bool:
    """Whether a new job is nothing but a call to be made now."""
    return new.delay is None and new.run_at is None and new.retry_of is None and is_plain(new)


async def enqueue_single(new: NewJob, session: Session) -> Enqueued | None:
    """Store such a job; None where it must be looked at more closely, and nothing was stored.

    Raises:
        InvalidOption: It cannot be written.
    """
    try:
        mould = mould_of(new.task, new.queue, new.priority, new.policy)
        job_id = new.id.encode()
    except ValueError as error:
        raise unstorable([new]) from error
    doc, head = mould.start + new.args, mould.head
    said = await session.run("enqueue_one", job_id, doc, mould.street, mould.queue, *head, mould.turn, mould.notice)
    return None if said is None else Enqueued(job=born(new, int(said)), created=True)


@lru_cache(maxsize=1024)
def mould_of(task: str, queue: str, priority: int, policy: Policy) -> Mould:
    """Make what jobs have in common.

    Raises:
        InvalidOption: The priority is too large.
        ValueError: A text cannot be written.
    """
    head = head_of(NewJob(id="", task=task, queue=queue, priority=priority, args=b"", policy=policy))
    head[STATE] = JobState.QUEUED
    before, between = head[:CREATED_AT], head[CREATED_AT + 1 : PLACE]
    count = b"\xdc" + len(head).to_bytes(2)  # how msgpack begins an array of so many
    return Mould(
        street=f"{queue}/{task}".encode(),
        queue=queue.encode(),
        start=header(policy, None, None, None) + b"\n",
        head=(count + b"".join(map(pack, before)), b"".join(map(pack, between))),
        turn=(100 - priority) * TURNS,
        notice=pack([queue]),
    )
