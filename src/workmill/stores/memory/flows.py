"""The flows: how many jobs of each are in each state."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from workmill.store import Flow
from workmill.words.job import Job, JobState


@dataclass(slots=True, kw_only=True)
class Tally:
    """One flow: when and at which place it began, and its jobs by state. It changes in place."""

    place: int
    created_at: datetime
    states: Counter[JobState] = field(default_factory=Counter)


class Flows:
    """Flows by id, in the order in which they began."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}

    def enter(self, job: Job, place: int) -> None:
        """Count a job in its state."""
        if job.ties is not None and job.ties.flow is not None:
            tally = self._tallies.setdefault(job.ties.flow, Tally(place=place, created_at=job.created_at))
            tally.states[job.state] += 1

    def leave(self, job: Job) -> None:
        """Count a job in its state no more."""
        if job.ties is not None and job.ties.flow is not None:
            self._tallies[job.ties.flow].states[job.state] -= 1

    def forget(self, job: Job) -> None:
        """Forget the flow of a deleted job where that was its last."""
        if job.ties is not None and job.ties.flow is not None and not self._tallies[job.ties.flow].states.total():
            del self._tallies[job.ties.flow]

    def get(self, flow_id: str) -> Flow | None:
        """Return how a flow stands."""
        tally = self._tallies.get(flow_id)
        return None if tally is None else _flow(flow_id, tally)

    def newest_first(self, before: int | None) -> Iterator[tuple[int, Flow]]:
        """Yield the flows begun before a place (None: all) with their places, the newest first."""
        for flow_id, tally in reversed(self._tallies.items()):
            if before is None or tally.place < before:
                yield tally.place, _flow(flow_id, tally)


def _flow(flow_id: str, tally: Tally) -> Flow:
    counts = {state: count for state in JobState if (count := tally.states[state])}
    return Flow(id=flow_id, created_at=tally.created_at, counts=counts)
