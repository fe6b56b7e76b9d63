"""What becomes of rows that cannot be read: they fail, visibly, and the others go on."""

from collections.abc import Callable, Sequence

from workmill.store import NoticeKind
from workmill.stores.sqlite.moments import later
from workmill.stores.sqlite.reading import rows_at
from workmill.stores.sqlite.rows import failure_of, job_of, progress_of
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, dump_failure, load_policy
from workmill.words.job import Ending, Job, JobState
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import KEEP

NO_POLICY = "{}"
NO_ARGS = "{}"
SHOWN = 200


def readable_or_failed(rows: Sequence[Sequence[Json]], transaction: Transaction) -> list[Job]:
    """Read rows of the view `job_row`; those that cannot be read are settled as failed and left out."""
    jobs = []
    for row in rows:
        try:
            jobs.append(job_of(row))
        except ValueError:
            fail_unreadable(row, transaction)
    return jobs


def fail_unreadable_by_seq(seqs: Sequence[int], transaction: Transaction) -> None:
    """Settle jobs that cannot be read as failed."""
    for row in rows_at(seqs, transaction):
        fail_unreadable(row, transaction)


def fail_unreadable(row: Sequence[Json], transaction: Transaction) -> None:
    """Settle one job that cannot be read as failed, and replace what is damaged so that the failure can be shown."""
    damages: list[str] = []
    args = checked("args", row[6], str.encode, NO_ARGS, damages)
    policy = checked("policy", row[7], load_policy, NO_POLICY, damages)
    progress = checked("progress", row[13], progress_of, None, damages)
    checked("failure", row[15], failure_of, None, damages)
    if not damages:
        damages.append("the row cannot be read")
    failure = dump_failure(Failure(kind=FailureKind.UNREADABLE, type="ValueError", message="; ".join(damages)))
    seq, state, task, queue, now = row[0], row[5], row[2], row[3], transaction.now
    expires_at = later(now, KEEP)
    transaction.run(statements("mend")["fail"], seq, failure, policy, args, progress, now, expires_at)
    if state == JobState.RUNNING:
        attempt = (seq, row[11], row[9], row[16], row[20], now, Ending.FAILED, failure)
        transaction.run_each(statements("settle")["record"], [attempt])
    transaction.count((state, task, queue), -1)
    transaction.count((JobState.FAILED, task, queue), 1)
    transaction.tell(NoticeKind.CHANGED, job_ids=[row[1]])


def checked(
    column: str, text: str | None, read: Callable[[str], object], instead: str | None, damages: list[str]
) -> str | None:
    """Return a column's text, or what stands in for one that cannot be read, which is added to `damages`."""
    try:
        if text is not None:
            read(text)
    except ValueError as error:
        damages.append(f"{column} cannot be read ({error}): {ascii(text)[:SHOWN]}")
        return instead
    return text
