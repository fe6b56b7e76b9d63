from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from workmill.words.codec import dump_failure, dump_progress
from workmill.words.draft import JobDraft, born, failure_of, progress_of, ties_of
from workmill.words.job import Job, JobState, NewJob, Progress
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import Policy
from workmill.words.ticks import ticks
from workmill.words.ties import Ties
from workmill.words.ties_codec import dump_ties

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW = NewJob(id="a", task="t", queue="q", priority=3, args=b"{}", policy=Policy(), key="k", retry_of="b")


@pytest.mark.parametrize(
    ("new", "run_at", "state"),
    [
        (NEW, None, JobState.QUEUED),
        (replace(NEW, run_at=NOW), NOW, JobState.QUEUED),
        (replace(NEW, run_at=NOW + HOUR), NOW + HOUR, JobState.SCHEDULED),
        (replace(NEW, delay=HOUR), NOW + HOUR, JobState.SCHEDULED),
    ],
)
def test_a_job_is_born_as_its_time_has_it(new: NewJob, run_at: datetime | None, state: JobState) -> None:
    job = born(new, ticks(NOW))

    assert (job.state, job.run_at, job.created_at) == (state, run_at, NOW)
    assert (job.id, job.task, job.queue, job.priority, job.args, job.key) == ("a", "t", "q", 3, b"{}", "k")
    assert (job.attempt, job.deaths, job.token, job.version) == (0, 0, 0, 1)
    assert (job.result, job.failure, job.worker, job.finished_at, job.cancel_forced) == (None, None, None, None, False)
    assert (job.retry_of, job.ties) == ("b", None)


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
