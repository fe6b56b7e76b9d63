"""A tick makes its job once; rounds of a loop follow one another, and no loop is forgotten: I14."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from proof.checking.limiting import TICK
from proof.checking.stretching import depth
from proof.checking.violation import Violation
from proof.histories.dump import Dump, Kept, Planned
from workmill.words.schedule import Overlap


def ticking(dump: Dump) -> Iterator[Violation]:
    """Look at every schedule."""
    for (name, tick), count in Counter((job.schedule, job.tick) for job in dump.jobs if job.schedule).items():
        if count > 1:
            yield Violation(invariant="I14 ticks", job="", text=f"{count} jobs of schedule {name} are for {tick:.6f}")
    for schedule in dump.schedules:
        jobs = [job for job in dump.jobs if job.schedule == schedule.name]
        yield from (Violation(invariant="I14 ticks", job="", text=text) for text in _wrong(schedule, jobs))


def _wrong(schedule: Planned, jobs: list[Kept]) -> Iterator[str]:
    have_ended = all(job.state.is_final for job in jobs)
    if schedule.is_active and have_ended and not schedule.has_next:
        yield f"schedule {schedule.name} goes on, and nothing will make it"
    if not have_ended or (schedule.pause is None and schedule.overlap != Overlap.SKIP):
        return
    if depth((job.created_at, job.finished_at) for job in jobs)[0] > 1:
        yield f"two jobs of schedule {schedule.name} were unfinished at a time"
    for earlier, later in pairwise(sorted(jobs, key=lambda job: job.created_at)):
        waited = later.created_at - earlier.finished_at
        if schedule.pause is not None and waited < schedule.pause - TICK:
            yield f"a round of {schedule.name} came {waited:.6f} s after the one before, not {schedule.pause} s"
