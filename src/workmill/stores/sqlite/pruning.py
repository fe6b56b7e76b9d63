"""Deleting what is past its keep time."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple

from workmill.stores.sqlite import flowing, publishing, strands, uniqueness
from workmill.stores.sqlite.made import forget_made
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.tending import DAY, recount
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.draft import ties_of
from workmill.words.job import JobState
from workmill.words.ticks import later
from workmill.words.ties import Ties

PUT_OFF = timedelta(hours=1)
"""How much longer a job stays that others still need."""


class Due(NamedTuple):
    """A job that is past its keep time."""

    seq: int
    state: str
    task: str
    queue: str
    strand: int | None
    ties: str | None
    has_parents: int
    followed: int | None
    is_needed: int


def prune(limit: int, transaction: Transaction) -> int:
    """See `Store.prune`."""
    due = due_now(max(limit, 0), transaction)
    if due:
        unbind(due, transaction)
        seqs = pack([job.seq for job in due])
        transaction.run(statements("prune")["attempts"], seqs)
        transaction.run(statements("prune")["jobs"], seqs)
        transaction.run(statements("prune")["empty_ends"])
    for job in due:
        transaction.count((job.state, job.task, job.queue), -1)
        if job.strand is not None:
            transaction.account.moved(job.strand, JobState(job.state), None)
    transaction.flush()
    transaction.hold(strands.forgotten([job.strand for job in due if job.strand is not None]))
    transaction.run(statements("prune")["starts"], transaction.now)
    transaction.run(statements("tally")["drop_zeros"])
    recount(transaction)
    publishing.forget(transaction)
    transaction.run(statements("lease")["forget"], transaction.now - DAY)
    return len(due)


def due_now(limit: int, transaction: Transaction) -> list[Due]:
    """Return up to `limit` jobs to delete, and put those off that others need."""
    sql = statements("prune")
    while True:
        due = [Due._make(row) for row in transaction.batch(sql["due"], transaction.now, limit)]
        needed = [job.seq for job in due if job.is_needed]
        if not needed:
            return due
        transaction.run(sql["put_off"], pack(needed), later(transaction.now, PUT_OFF))


def unbind(due: Sequence[Due], transaction: Transaction) -> None:
    """Delete what binds jobs to others, as their places in the order may be given again."""
    sql = statements("prune")
    followers = pack([job.seq for job in due if job.has_parents])
    if any(job.has_parents for job in due):
        transaction.run(sql["ties_to_parents"], followers)
        transaction.run(sql["parents"], followers)
    followed = [job.seq for job in due if job.followed is not None]
    if followed:
        transaction.run(sql["ties_to_children"], pack(followed))
    tied = [(job.seq, ties) for job in due if (ties := readable_ties(job.ties))]
    flowing.leave([(ties.flow, seq) for seq, ties in tied if ties.flow is not None], transaction)
    forget_made([(ties.schedule, seq) for seq, ties in tied if ties.schedule is not None], transaction)
    transaction.hold(uniqueness.forgotten(pack([job.seq for job in due])))


def readable_ties(text: str | None) -> Ties | None:
    """Read ties that may be missing or damaged."""
    with suppress(ValueError):
        return ties_of(text)
    return None
