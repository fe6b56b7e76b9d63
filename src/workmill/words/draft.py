"""How stores fill in the record of a job, and read what it may lack."""

from dataclasses import fields, make_dataclass

from workmill.words.codec import load_failure, load_progress
from workmill.words.job import Job, JobState, NewJob, Progress
from workmill.words.outcome import Failure
from workmill.words.ticks import later, moment
from workmill.words.ties import Ties
from workmill.words.ties_codec import load_ties

JobDraft = make_dataclass("JobDraft", [field.name for field in fields(Job)], slots=True)
"""A job that can still be written to, of the very layout of `Job`: give it that class when it is filled in.

A frozen record of so many fields takes 3.6 us to make, six times as long as this, and every job is made twice on its
way, when it is stored and when it is claimed: a tenth of all that a job costs.
"""


def born(new: NewJob, now: int) -> Job:
    """Return a new job as it begins where nothing keeps it waiting but a time of its own."""
    created_at = moment(now)
    run_at = moment(later(now, new.delay)) if new.delay else new.run_at
    state = JobState.QUEUED if run_at is None or run_at <= created_at else JobState.SCHEDULED
    job: Job = JobDraft(
        new.id,
        new.task,
        new.queue,
        new.priority,
        state,
        new.args,
        new.policy,
        new.key,
        *(0, 0, 0, 1),  # attempt, deaths, token, version
        *(None, None, None, None, None),  # progress, result, failure, worker, engine
        created_at,
        run_at,
        *(None, None, None, None, None, False),  # started, finished, expires, cancel requested, its reason, forced
        new.retry_of,
        new.ties,
    )
    job.__class__ = Job
    return job


def progress_of(text: str | None) -> Progress | None:
    """Read a progress that may be missing."""
    return None if text is None else load_progress(text)


def failure_of(text: str | None) -> Failure | None:
    """Read a failure that may be missing."""
    return None if text is None else load_failure(text)


def ties_of(text: str | None) -> Ties | None:
    """Read ties that may be missing."""
    return None if text is None else load_ties(text)
