"""What a transaction keeps in mind: the jobs to count, the strands they moved in, and the news to tell."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from workmill.store import Notice, NoticeKind
from workmill.words.job import JobState

Lane = tuple[str, str, str]
"""A line of the tally: state, task, queue."""


class Mark(NamedTuple):
    """A point within a transaction."""

    tally: Counter[Lane]
    strands: Counter[int]
    woken: set[int]
    freed: Counter[tuple[str, str]]
    told: int
    is_in_stretch: bool


UNBEGUN = frozenset({JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.RETRYING})
"""Where jobs are that may fill a bounded queue."""


class Account:
    """Counts and news of one transaction, until the tally is written and the news is told.

    Attributes:
        now: The moment of the transaction, in microseconds.
        is_in_stretch: Whether it is noted when the jobs that the transaction stores were stored.
        has_bounds: Whether any queue is bounded; known once `is_in_stretch`.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self.is_in_stretch = False
        self.has_bounds = False
        self._tally: Counter[Lane] = Counter()
        self._strands: Counter[int] = Counter()
        self._woken: set[int] = set()
        self._freed: Counter[tuple[str, str]] = Counter()
        self._notices: list[Notice] = []

    @property
    def notices(self) -> list[Notice]:
        """What is to be told after the commit."""
        return self._notices

    def count(self, lane: Lane, jobs: int) -> None:
        """Remember that there are so many jobs more of one kind."""
        self._tally[lane] += jobs

    def moved(self, strand: int, was: JobState | None, state: JobState | None) -> None:
        """Remember that a job of a strand is in another state; None stands for one that is not stored."""
        self._strands[strand] += (state is JobState.RUNNING) - (was is JobState.RUNNING)

    def woke(self, strands: Iterable[int]) -> None:
        """Remember strands that nothing holds any more."""
        self._woken.update(strands)

    def freed(self, task: str, queue: str) -> None:
        """Remember that one job less runs where there are rules about tasks or queues."""
        self._freed["task", task] += 1
        self._freed["queue", queue] += 1

    def tell(self, kind: NoticeKind, *, queue: str = "", channel: str = "", job_ids: Iterable[str] = ()) -> None:
        """Remember to send a notice once the transaction is committed."""
        self._notices.append(Notice(kind=kind, queue=queue, channel=channel, job_ids=tuple(job_ids)))

    @property
    def has_moves(self) -> bool:
        """Whether `moved` remembers what is not written."""
        return bool(self._strands)

    @property
    def has_room(self) -> bool:
        """Whether other jobs may begin now, which nobody was told of."""
        return bool(self._woken or self._freed)

    def more_unbegun(self, queue: str) -> int:
        """Return by what is remembered how many jobs more a queue holds that have not begun."""
        return sum(jobs for lane, jobs in self._tally.items() if lane[2] == queue and lane[0] in UNBEGUN)

    def has_more_queued(self) -> bool:
        """Whether by what is remembered a lane or a strand that a claim must see may be new."""
        return bool(self._strands) or any(jobs > 0 and lane[0] == JobState.QUEUED for lane, jobs in self._tally.items())

    def counted(self) -> list[tuple[str, str, str, int]]:
        """Return what `count` remembered, for the tally, and forget it."""
        changed = [(*lane, jobs) for lane, jobs in self._tally.items() if jobs]
        self._tally.clear()
        return changed

    def moves(self) -> list[tuple[int, int]]:
        """Return how many more run of each strand that `moved` remembered, and forget it."""
        moves = list(self._strands.items())
        self._strands.clear()
        return moves

    def room(self) -> tuple[list[int], list[tuple[str, str, int]]]:
        """Return which strands woke, and of which tasks and queues how many jobs ceased to run, and forget it."""
        strands, names = sorted(self._woken), [(*name, jobs) for name, jobs in self._freed.items()]
        self._woken.clear()
        self._freed.clear()
        return strands, names

    def mark(self) -> Mark:
        """Return a point that `back_to` can return to."""
        counted = self._tally.copy(), self._strands.copy(), self._woken.copy(), self._freed.copy()
        return Mark(*counted, len(self._notices), self.is_in_stretch)

    def back_to(self, mark: Mark) -> None:
        """Forget what was counted, told and noted since a point."""
        self._tally, self._strands, self._woken, self._freed, told, self.is_in_stretch = mark
        del self._notices[told:]
