"""No more run than may, none of what ran is counted for ever, and no more begin than may: I12, I13."""

from collections import defaultdict
from collections.abc import Iterator

from proof.checking.stretching import Stretch, depth
from proof.checking.violation import Violation
from proof.histories.dump import Dump, Held, Kept
from proof.histories.entry import Op
from proof.histories.history import History
from workmill.words.job import Ending
from workmill.words.limit import Scope

TICK = 1e-5
"""What times lose on their way through a number."""


def limiting(history: History, dump: Dump) -> Iterator[Violation]:
    """Look at every rule, by the times of the store and by what the jobs' own code said."""
    for rule in dump.rules:
        for key, jobs in _counted(rule, dump).items():
            yield from _running(history, rule, key, jobs)
            yield from _beginning(rule, key, jobs)
        if rule.running and all(job.state.is_final for job in dump.jobs):
            text = f"{rule.running} are said to run when nothing does: {rule.scope} {rule.name}"
            yield Violation(invariant="I12 limits", job="", text=text)


def _counted(rule: Held, dump: Dump) -> dict[str, list[Kept]]:
    """Return the jobs that a rule counts, by key; all under one where it is about no keys."""
    counted: defaultdict[str, list[Kept]] = defaultdict(list)
    for job in dump.jobs:
        keys = {Scope.QUEUE: {job.queue: ""}, Scope.TASK: {job.task: ""}, Scope.KEY: dict(job.gates)}
        if (key := keys[Scope(rule.scope)].get(rule.name)) is not None:
            counted[key].append(job)
    return counted


def _running(history: History, rule: Held, key: str, jobs: list[Kept]) -> Iterator[Violation]:
    if rule.limit is None:
        return
    attempts = [(each.started_at, each.ended_at) for job in jobs for each in job.attempts]
    code = [stretch for job in jobs for stretch in _code(history, job)]
    for what, stretches in (("attempts", attempts), ("jobs' code", code)):
        most, since = depth(stretches)
        if most > rule.limit:
            text = f"{most} {what} ran at {since:.6f} where {rule.limit} may: {rule.scope} {rule.name} {key}"
            yield Violation(invariant="I12 limits", job="", text=text)


def _code(history: History, job: Kept) -> Iterator[Stretch]:
    """Yield when a job's code ran, but for attempts that were taken away: what is frozen may go on for a while."""
    taken = {attempt.token for attempt in job.attempts if attempt.ending is Ending.INTERRUPTED}
    ends = {entry.token: entry.at for entry in history.of(Op.END, job.id)}
    for start in history.of(Op.START, job.id):
        if start.token in ends and start.token not in taken:
            yield start.at, ends[start.token]


def _beginning(rule: Held, key: str, jobs: list[Kept]) -> Iterator[Violation]:
    if rule.count is None:
        return
    starts = sorted(attempt.started_at for job in jobs for attempt in job.attempts)
    for first, last in zip(starts, starts[rule.count :], strict=False):
        if last - first < rule.seconds - TICK:
            text = f"{rule.count + 1} began within {last - first:.6f} s: {rule.scope} {rule.name} {key}"
            yield Violation(invariant="I13 rates", job="", text=text)
