"""What becomes of rows that cannot be read: they fail, visibly, and the others go on."""

from collections.abc import Callable, Sequence

from workmill.store import NoticeKind
from workmill.stores.postgres.rows import Row, job_of
from workmill.stores.postgres.session import Session
from workmill.words.codec import dump_failure, load_policy
from workmill.words.draft import failure_of, progress_of
from workmill.words.job import Job
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import KEEP
from workmill.words.ticks import length_of

NO_POLICY = "{}"
SHOWN = 200


async def readable_or_failed(rows: Sequence[Row], session: Session) -> list[Job]:
    """Read rows of the view `job_row`; those that cannot be read are settled as failed and left out."""
    jobs = []
    for row in rows:
        try:
            jobs.append(job_of(row))
        except ValueError:
            await fail_unreadable(row, session)
    return jobs


async def fail_unreadable(row: Row, session: Session) -> None:
    """Settle one job that cannot be read as failed, and replace what is damaged so that the failure can be shown."""
    damages: list[str] = []
    policy = checked("policy", row[7], load_policy, NO_POLICY, damages)
    progress = checked("progress", row[13], progress_of, None, damages)
    checked("failure", row[15], failure_of, None, damages)
    failure = dump_failure(Failure(kind=FailureKind.UNREADABLE, type="ValueError", message="; ".join(damages)))
    values = [row[1], failure, policy, row[6], progress, length_of(KEEP)]
    ((followed,),) = await session.run("mend", "mend", values)
    session.tell_followed(followed)
    session.tell(NoticeKind.CHANGED, job_ids=[row[1]])


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
