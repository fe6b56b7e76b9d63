"""What was accepted is there, once and unchanged, and nothing else is: I1, I2, I11, I19, I20."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from proof.checking.violation import Violation
from proof.histories.dump import Dump, Kept
from proof.histories.entry import Entry, Op, Phase
from proof.histories.history import History


def accepting(history: History, dump: Dump) -> Iterator[Violation]:
    """Compare what clients were told with what the store holds."""
    jobs = {job.id: job for job in dump.jobs}
    tried = {entry.job: entry for entry in history.of(Op.ENQUEUE) if entry.phase is Phase.INTENT}
    yield from _lost(history, jobs, tried)
    yield from _invented(history, dump, tried)
    yield from _torn(jobs, tried)
    yield from _keys(history, dump)
    yield from _counts(dump)
    for flaw in dump.flaws:
        yield Violation(invariant="I19 indices", job="", text=flaw)


def _lost(history: History, jobs: dict[str, Kept], tried: dict[str, Entry]) -> Iterator[Violation]:
    for job_id in {entry.job for entry in history.of(Op.ENQUEUE) if entry.phase is Phase.OK}:
        can_vanish = job_id in tried and tried[job_id].can_vanish
        if job_id not in jobs and not (can_vanish and _ended(history, job_id)):
            yield Violation(invariant="I1 no loss", job=job_id, text="it was accepted and is gone")
    for job in jobs.values():
        if not job.state.is_final:
            yield Violation(invariant="I1 no loss", job=job.id, text=f"it is {job.state} after the drain, not final")


def _ended(history: History, job_id: str) -> bool:
    """Whether a job that is gone was final before: else nobody may delete it."""
    said = (*history.of(Op.SETTLED, job_id), *history.of(Op.READ, job_id), *history.of(Op.CANCEL, job_id))
    has_returned = any(entry.kind == "returned" for entry in history.of(Op.END, job_id))
    return has_returned or any(entry.state in {"succeeded", "failed", "cancelled"} for entry in said)


def _invented(history: History, dump: Dump, tried: dict[str, Entry]) -> Iterator[Violation]:
    refused = {entry.job for entry in history.of(Op.ENQUEUE) if entry.phase is Phase.FAIL}
    accepted = {entry.job for entry in history.of(Op.ENQUEUE) if entry.phase is Phase.OK}
    for job in dump.jobs:
        if job.id not in tried and job.schedule:
            continue  # Its schedule did.
        if job.id not in tried:
            yield Violation(invariant="I2 no invention", job=job.id, text="nobody enqueued it")
        elif tried[job.id].sha != job.sha:
            yield Violation(invariant="I20 bytes", job=job.id, text="its arguments are not those that were sent")
        if job.id in refused - accepted:
            yield Violation(invariant="I2 no invention", job=job.id, text="its enqueue was refused, and it is there")
    made = {job.id for job in dump.jobs if job.schedule}
    for start in history.of(Op.START):
        if start.job in made:
            continue
        if start.job not in tried or tried[start.job].sha != start.sha:
            yield Violation(invariant="I2 no invention", job=start.job, text="code began with arguments nobody sent")


def _torn(jobs: dict[str, Kept], tried: dict[str, Entry]) -> Iterator[Violation]:
    """Look for batches of which a part is there."""
    batches: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in tried.values():
        if entry.batch and not entry.key and not entry.can_vanish:
            batches[entry.batch].append(entry)
    for entries in batches.values():
        there = [entry for entry in entries if entry.job in jobs]
        if there and len(there) < len(entries):
            text = f"{len(there)} of the {len(entries)} jobs of its batch are there"
            yield Violation(invariant="I1 all or none", job=there[0].job, text=text)


def _keys(history: History, dump: Dump) -> Iterator[Violation]:
    named = Counter((job.task, job.key) for job in dump.jobs if job.key)
    for (task, key), count in named.items():
        if count > 1:
            yield Violation(invariant="I11 unique", job="", text=f"key {key} of task {task} names {count} jobs")
    answered: defaultdict[str, set[str]] = defaultdict(set)
    for entry in history.of(Op.ENQUEUE):
        if entry.key and entry.phase is Phase.OK:
            answered[entry.key].add(entry.job)
    for key, ids in answered.items():
        if len(ids) > 1:
            yield Violation(invariant="I11 unique", job="", text=f"callers with key {key} were given {len(ids)} jobs")


def _counts(dump: Dump) -> Iterator[Violation]:
    said = {(queue, task, state): jobs for queue, task, state, jobs in dump.counts if jobs}
    counted = Counter((job.queue, job.task, str(job.state)) for job in dump.jobs)
    if said != dict(counted):
        wrong = {row: (said.get(row, 0), counted[row]) for row in {*said, *counted} if said.get(row, 0) != counted[row]}
        yield Violation(invariant="I19 counters", job="", text=f"counts() and the jobs themselves differ: {wrong}")
