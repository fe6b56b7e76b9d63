from dataclasses import fields

from workmill.words.codec import dump_failure, dump_progress
from workmill.words.draft import JobDraft, failure_of, progress_of, ties_of
from workmill.words.job import Job, Progress
from workmill.words.outcome import Failure, FailureKind
from workmill.words.ties import Ties
from workmill.words.ties_codec import dump_ties


def test_a_draft_becomes_a_job() -> None:
    values = {field.name: field.name for field in fields(Job)}
    job = JobDraft(**values)

    job.__class__ = Job

    assert isinstance(job, Job)
    assert [getattr(job, name) for name in values] == list(values)


def test_what_a_job_has_is_read() -> None:
    progress = Progress(current=1.0, total=2.0)
    failure = Failure(kind=FailureKind.ERROR, type="ValueError", message="no")
    ties = Ties(flow="0b1e")

    assert progress_of(dump_progress(progress)) == progress
    assert failure_of(dump_failure(failure)) == failure
    assert ties_of(dump_ties(ties)) == ties


def test_what_a_job_lacks_is_none() -> None:
    assert (progress_of(None), failure_of(None), ties_of(None)) == (None, None, None)
