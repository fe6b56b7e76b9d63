"""What becomes of jobs that cannot be read: they fail, visibly, and the others go on."""

from collections.abc import Callable, Sequence

from workmill.stores.redis.rows import FIELDS, Row, job_of, pack, unpacked
from workmill.stores.redis.session import Session
from workmill.words.codec import Json, dump, dump_failure, load, load_failure, load_policy, load_progress
from workmill.words.job import Job
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import KEEP
from workmill.words.ticks import length_of
from workmill.words.ties_codec import load_ties

NO_POLICY = "{}"
NO_ARGS = b"{}"
SHOWN = 200
TOKEN = FIELDS.index("token")


async def readable_or_failed(rows: Sequence[Row], session: Session) -> list[Job]:
    """Read rows; the jobs of those that cannot be read are settled as failed and left out."""
    jobs = []
    for row in rows:
        try:
            jobs.append(job_of(row))
        except ValueError as error:
            await fail_unreadable(row, error, session)
    return jobs


async def fail_unreadable(row: Row, error: ValueError, session: Session) -> None:
    """Settle one job that cannot be read as failed, and replace what is damaged so that the failure can be shown."""
    identity, head, doc, _, failure, progress = row
    token = token_of(head)
    if token is None:
        return  # No script can read it either: there is nothing that could be said to have failed.
    damages: list[str] = []
    mended = mended_doc(doc or b"", damages)
    kept = checked("progress", progress, load_progress, damages)
    checked("failure", failure, load_failure, damages)
    said = "; ".join(damages) or f"the job cannot be read ({error})"
    failed = dump_failure(Failure(kind=FailureKind.UNREADABLE, type="ValueError", message=said))
    asked = [identity, token, failed, length_of(KEEP), mended, False if kept is None else kept]
    await session.run("mend", pack(asked))


def token_of(head: bytes | None) -> int | None:
    """Return the token of the newest claim of a job; None where its record cannot be read."""
    try:
        token: int = unpacked(head or b"")[TOKEN]
    except (ValueError, TypeError, LookupError):
        return None
    return token


def mended_doc(doc: bytes, damages: list[str]) -> bytes:
    """Return a doc in which what cannot be read is as it is where nothing was said; what that is goes to `damages`."""
    line, separator, args = doc.partition(b"\n")
    policy, key, retry_of, ties = parts_of(line, damages)
    policy = checked("policy", policy, load_policy, damages) or NO_POLICY
    ties = checked("ties", ties, load_ties, damages)
    return dump([policy, key, retry_of, ties]) + b"\n" + (args if separator else NO_ARGS)


def parts_of(line: bytes, damages: list[str]) -> list[Json]:
    """Return what stands before the arguments in a doc."""
    try:
        parts = load(line.decode())
        if isinstance(parts, list) and len(parts) == 4:
            return parts
        raise ValueError("it has not four parts")
    except ValueError as error:
        damages.append(f"the doc cannot be read ({error}): {ascii(line)[:SHOWN]}")
    return [NO_POLICY, None, None, None]


def checked(part: str, text: Json, read: Callable[[str], object], damages: list[str]) -> Json:
    """Return a part as it is, or None for one that cannot be read, which is added to `damages`."""
    try:
        if text is not None:
            read(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, TypeError, AttributeError) as error:
        damages.append(f"{part} cannot be read ({error}): {ascii(text)[:SHOWN]}")
        return None
    return text
