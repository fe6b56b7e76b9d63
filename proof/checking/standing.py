"""Of jobs of which there may be one, there are never two that have not ended: I11."""

from collections import defaultdict
from collections.abc import Iterator

from proof.checking.stretching import Stretch, depth
from proof.checking.violation import Violation
from proof.histories.dump import Dump, Kept
from proof.histories.entry import Op, Phase
from proof.histories.history import History


def standing(history: History, dump: Dump) -> Iterator[Violation]:
    """Look at the lives of all jobs of each unique name, by the times of the store and by what was said of them."""
    names = {entry.job: entry.unique for entry in history.of(Op.ENQUEUE) if entry.unique}
    alike: defaultdict[str, list[Kept]] = defaultdict(list)
    for job in dump.jobs:
        if job.id in names:
            alike[names[job.id]].append(job)
    for name, jobs in alike.items():
        lives = [(job.created_at, job.finished_at) for job in jobs if job.state.is_final]
        said = [stretch for job in jobs for stretch in _said(history, job)]
        if depth(lives)[0] > 1 or depth(said)[0] > 1:
            yield Violation(invariant="I11 unique", job=jobs[0].id, text=f"there were two of {name} at a time")


def _said(history: History, job: Kept) -> Iterator[Stretch]:
    """Yield from when until when a job was there for sure, and had not ended: its code ran last."""
    stored = [entry.at for entry in history.of(Op.ENQUEUE, job.id) if entry.phase is Phase.OK]
    ends = [entry.at for entry in history.of(Op.END, job.id) if entry.token == job.token]
    if stored and ends and stored[0] < ends[-1]:
        yield stored[0], ends[-1]
