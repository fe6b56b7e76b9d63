"""Duties that keep the file in order: promote what is due, find what no claim would see."""

from datetime import timedelta

from workmill.store import NoticeKind, Promotion
from workmill.stores.sqlite.expiring import expire_due
from workmill.stores.sqlite.passing import reopen
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.job import JobState
from workmill.words.ticks import TICK

DAY = timedelta(days=1) // TICK


def promote(limit: int, transaction: Transaction) -> Promotion:
    """See `Store.promote`."""
    sql = statements("promote")
    # First, so that none is queued that may not begin any more.
    expire_due(max(limit, 0), transaction)
    reopen(transaction)
    due = transaction.batch(sql["due"], transaction.now, max(limit, 0))
    if due:
        transaction.run(sql["queue"], pack([row[0] for row in due]))
    for _, _, state, task, queue, strand in due:
        transaction.count((state, task, queue), -1)
        transaction.count((JobState.QUEUED, task, queue), 1)
        if strand is not None:
            transaction.account.moved(strand, JobState(state), JobState.QUEUED)
    for queue in dict.fromkeys(row[4] for row in due):
        transaction.tell(NoticeKind.QUEUED, queue=queue)
    if due:
        transaction.tell(NoticeKind.CHANGED, job_ids=[row[1] for row in due])
    return Promotion(count=len(due), next_in=next_in(transaction))


def next_in(transaction: Transaction) -> timedelta | None:
    """Return how long until there is something to promote."""
    sql = statements("promote")
    moments = [transaction.value(each) for each in (sql["next"], sql["next_late"], statements("pass")["next_opening"])]
    soonest = min((int(moment) for moment in moments if moment is not None), default=None)
    return None if soonest is None else max(soonest - transaction.now, 0) * TICK


def recount(transaction: Transaction) -> None:
    """Count the lanes anew that the tally does not know of, so that no change from outside hides jobs from claims."""
    for task, queue in transaction.batch(statements("health")["uncounted"]):
        transaction.run(statements("tally")["recount"], task, queue)
        transaction.tell(NoticeKind.QUEUED, queue=queue)
