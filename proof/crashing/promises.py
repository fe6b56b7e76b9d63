"""What single plays promise beyond what every history is checked for: by the times that the store gave."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TypeAlias

from proof.checking.violation import Violation
from proof.crashing.ruled import TICK_SECONDS
from proof.crashing.tasks import PACE_SECONDS
from proof.histories.dump import Dump, Kept
from workmill.words.job import JobState
from workmill.words.ties import Needs

Promise: TypeAlias = Callable[[Dump], Iterable[Violation]]
PACE = 2


def one_unfinished(dump: Dump) -> Iterator[Violation]:
    """Look for two jobs of which there may be one that were unfinished at the same time."""
    lives = [(job.created_at, job.finished_at) for job in dump.jobs if job.task == "single"]
    yield from _crossing("I11 unique", lives)


def one_running(dump: Dump) -> Iterator[Violation]:
    """Look for attempts that were under way at the same time though one may be, of all and of each key."""
    yield from _crossing("I12 limit", [run for job in dump.jobs if job.task == "narrow" for run in _runs(job)])
    keys: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for job in dump.jobs:
        if job.task == "keyed":
            keys[job.sha] += _runs(job)
    for runs in keys.values():
        yield from _crossing("I12 limit", runs)


def paced(dump: Dump) -> Iterator[Violation]:
    """Look for a stretch in which too many attempts began."""
    starts = sorted(began for job in dump.jobs if job.task == "paced" for began, _ in _runs(job))
    for first, last in zip(starts, starts[PACE:], strict=False):
        if last - first < PACE_SECONDS:
            yield Violation(invariant="I13 rate", job="", text=f"{PACE + 1} attempts began within {last - first:g} s")


def in_order(dump: Dump) -> Iterator[Violation]:
    """Look for followers that began too early, or without what they need, or that never came to an end as they should.

    Of those that name several parents, all are looked at.
    """
    jobs = {job.id: job for job in dump.jobs}
    for job in dump.jobs:
        parents = [jobs[parent] for parent in job.parents if parent in jobs]
        if job.parents and (text := _broken_order(job, parents)):
            yield Violation(invariant="I15 dependencies", job=job.id, text=text)


def one_round(dump: Dump) -> Iterator[Violation]:
    """Look for rounds of a loop that were unfinished at the same time."""
    yield from _crossing("I14 loop", [(job.created_at, job.finished_at) for job in dump.jobs if job.schedule])


def every_tick(dump: Dump) -> Iterator[Violation]:
    """Look for ticks that made two jobs, or none though later ones made theirs."""
    ticks = Counter(job.tick for job in dump.jobs if job.schedule)
    for tick, count in ticks.items():
        if count > 1:
            yield Violation(invariant="I14 ticks", job="", text=f"the tick at {tick:g} made {count} jobs")
    for before, after in pairwise(sorted(ticks)):
        if after - before != TICK_SECONDS:
            yield Violation(invariant="I14 ticks", job="", text=f"no job was made between {before:g} and {after:g}")


PROMISES: dict[str, Promise] = {
    "unique": one_unfinished,
    "limit": one_running,
    "rate": paced,
    "follow": in_order,
    "follow_cancelled": in_order,
    "graph": in_order,
    "loop": one_round,
    "tick": every_tick,
}


def _runs(job: Kept) -> list[tuple[float, float]]:
    return [(attempt.started_at, attempt.ended_at) for attempt in job.attempts]


def _crossing(invariant: str, stretches: list[tuple[float, float]]) -> Iterator[Violation]:
    for before, after in pairwise(sorted(stretches)):
        if after[0] < before[1]:
            text = f"one began at {after[0]:g}, and the one before ended at {before[1]:g}"
            yield Violation(invariant=invariant, job="", text=text)


def _broken_order(job: Kept, parents: list[Kept]) -> str:
    """Say what is wrong with a follower that has ended; nothing where all is right."""
    states = [parent.state for parent in parents]
    ended_at = max((parent.finished_at for parent in parents), default=0.0)
    if any(began < ended_at for began, _ in _runs(job)):
        return "it began before a job that it follows had ended"
    is_met = {
        Needs.SUCCESS: all(state is JobState.SUCCEEDED for state in states),
        Needs.END: True,
        Needs.FAILURE: JobState.FAILED in states,
    }[Needs(job.needs)]
    if job.attempts and not is_met:
        return f"it needs {job.needs} and ran after {', '.join(states)}"
    if is_met and not job.attempts:
        return f"it needs {job.needs}, came after {', '.join(states)}, and never ran"
    return ""
