"""What becomes of rows that cannot be read: they fail, visibly, and the others go on."""

from collections.abc import Callable, Sequence

from workmill.stores.sqlite.ends import End, Standing, follow, note
from workmill.stores.sqlite.reading import rows_at
from workmill.stores.sqlite.rows import job_of, pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.codec import Json, dump_failure, load_policy
from workmill.words.draft import failure_of, progress_of, ties_of
from workmill.words.job import Ending, Job, JobState
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import KEEP
from workmill.words.ticks import later

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
    ties = checked("ties", row[27], ties_of, None, damages)
    if not damages:
        damages.append("the row cannot be read")
    failure = dump_failure(Failure(kind=FailureKind.UNREADABLE, type="ValueError", message="; ".join(damages)))
    seq, now = row[0], transaction.now
    (job,) = [Standing._make(one) for one in transaction.batch(statements("follow")["standing"], pack([seq]))]
    expires_at = later(now, KEEP)
    transaction.run(statements("mend")["fail"], seq, failure, policy, args, progress, now, expires_at, ties)
    if job.state == JobState.RUNNING:
        attempt = (seq, row[11], row[9], row[16], row[20], now, Ending.FAILED, failure)
        transaction.run_each(statements("settle")["record"], [attempt])
    note([job], [JobState.FAILED], transaction.account)
    transaction.hold(follow([End.of(job, JobState.FAILED)], transaction.account))


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
