"""A job begins when all that it follows have ended, as it needs, and does begin then: I15."""

from collections.abc import Iterator

from proof.checking.violation import Violation
from proof.histories.dump import Dump, Kept
from proof.histories.entry import Op
from proof.histories.history import History
from workmill.words.job import JobState
from workmill.words.ties import Needs


def following(history: History, dump: Dump) -> Iterator[Violation]:
    """Look at every job that follows others which are there still."""
    jobs = {job.id: job for job in dump.jobs}
    for job in dump.jobs:
        parents = [jobs[parent] for parent in job.parents if parent in jobs]
        if not job.parents or not job.state.is_final or len(parents) < len(job.parents):
            continue
        for text in (*_early(history, job, parents), *_needless(job, parents)):
            yield Violation(invariant="I15 dependencies", job=job.id, text=text)


def _early(history: History, job: Kept, parents: list[Kept]) -> Iterator[str]:
    ended_at = max(parent.finished_at for parent in parents)
    if any(attempt.started_at < ended_at for attempt in job.attempts):
        yield "it began before a job that it follows had ended"
    starts = [entry.at for entry in history.of(Op.START, job.id)]
    for parent in parents:
        last = [entry.at for entry in history.of(Op.END, parent.id) if entry.token == parent.token]
        if starts and last and min(starts) < last[-1] and parent.state is JobState.SUCCEEDED:
            yield f"its code began before that of job {parent.id} had returned"


def _needless(job: Kept, parents: list[Kept]) -> Iterator[str]:
    states = [parent.state for parent in parents]
    needs = Needs.END if job.schedule else Needs(job.needs)  # what a schedule made follows others by its rule only
    is_met = {
        Needs.SUCCESS: all(state is JobState.SUCCEEDED for state in states),
        Needs.FAILURE: JobState.FAILED in states,
        Needs.END: True,
    }[needs]
    if job.attempts and not is_met:
        yield f"it needs {needs} and ran after {', '.join(states)}"
    if is_met and not job.attempts and not job.is_cancel_requested:
        yield f"it needs {needs}, came after {', '.join(states)}, and never ran"
