"""What a job gets from those that it follows, as the first argument of its function."""

from collections.abc import Mapping, Sequence

from workmill.words.codec import dump
from workmill.words.job import Job, JobState
from workmill.words.outcome import Failure, FailureKind
from workmill.words.ties import Feed


class ParentMissing(Exception):
    """What a job is to get is not stored any more."""

    def __init__(self, parent: str | None) -> None:
        named = "the job that it follows" if parent is None else f"job {parent}, which it follows,"
        super().__init__(f"{named} is not stored any more, so that its result is lost; keep results longer (`keep=`)")


def is_fed(job: Job) -> bool:
    """Whether a job gets anything."""
    return job.ties is not None and job.ties.feed is not Feed.NOTHING


def needed_records(job: Job, parents: Sequence[str]) -> Sequence[str]:
    """Return which of its parents' records must be read for what a job gets."""
    match job.ties and job.ties.feed:
        case Feed.RESULT:
            return parents[:1]
        case Feed.RESULTS:
            return parents
    return ()


def food(job: Job, parents: Sequence[str], records: Mapping[str, Job | None]) -> bytes:
    """Return what a job gets, as JSON.

    Raises:
        ParentMissing: A parent, or its record, is not there.
    """
    feed = Feed.NOTHING if job.ties is None else job.ties.feed
    if not parents and feed is not Feed.RESULTS:
        raise ParentMissing(None)
    if feed is Feed.ID:
        return dump(parents[0])
    results = [_result(parent, records) for parent in needed_records(job, parents)]
    return results[0] if feed is Feed.RESULT else b"[" + b",".join(results) + b"]"


def fed(args: bytes, parameter: str, value: bytes) -> bytes:
    """Return arguments with one more before them."""
    rest = args.strip()[1:]
    comma = b"" if rest.lstrip() == b"}" else b","
    return b"{" + dump(parameter) + b":" + value + comma + rest


def missing(error: ParentMissing) -> Failure:
    """Return the failure of a job that cannot get what it is to get."""
    return Failure(kind=FailureKind.DEPENDENCY, type=type(error).__name__, message=str(error))


def _result(parent: str, records: Mapping[str, Job | None]) -> bytes:
    record = records.get(parent)
    if record is None:
        raise ParentMissing(parent)
    return record.result or b"null" if record.state is JobState.SUCCEEDED else b"null"
