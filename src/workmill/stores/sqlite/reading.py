"""The verbs that only read."""

from collections.abc import Sequence
from contextlib import suppress

from workmill.store import Count
from workmill.stores.sqlite.rows import attempt_of, pack, readable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.job import Attempt, Job, JobState


def get(job_ids: Sequence[str], transaction: Transaction) -> list[Job | None]:
    """See `Store.get`."""
    found = readable(transaction.batch(statements("read")["jobs"], pack(list(job_ids))))
    by_id = {job.id: job for job in found}
    return [by_id.get(job_id) for job_id in job_ids]


def counts(transaction: Transaction) -> list[Count]:
    """See `Store.counts`."""
    rows = transaction.batch(statements("tally")["counts"])
    return [Count(queue=queue, task=task, state=JobState(state), jobs=jobs) for queue, task, state, jobs in rows]


def attempts(job_id: str, transaction: Transaction) -> list[Attempt]:
    """See `Store.attempts`."""
    ended = []
    for row in transaction.batch(statements("read")["attempts"], job_id):
        with suppress(ValueError):
            ended.append(attempt_of(row))
    return ended


def touch(transaction: Transaction) -> int:
    """Prove that the file can be read, and return the present moment."""
    transaction.value(statements("read")["touch"])
    return transaction.now
