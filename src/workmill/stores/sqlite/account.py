"""What a transaction keeps in mind: the jobs to count and the news to tell."""

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
    told: int
    is_in_stretch: bool


class Account:
    """Counts and news of one transaction, until the tally is written and the news is told.

    Attributes:
        now: The moment of the transaction, in microseconds.
        is_in_stretch: Whether it is noted when the jobs that the transaction stores were stored.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self.is_in_stretch = False
        self._tally: Counter[Lane] = Counter()
        self._notices: list[Notice] = []

    @property
    def notices(self) -> list[Notice]:
        """What is to be told after the commit."""
        return self._notices

    def count(self, lane: Lane, jobs: int) -> None:
        """Remember that there are so many jobs more of one kind."""
        self._tally[lane] += jobs

    def tell(self, kind: NoticeKind, *, queue: str = "", job_ids: Iterable[str] = ()) -> None:
        """Remember to send a notice once the transaction is committed."""
        self._notices.append(Notice(kind=kind, queue=queue, job_ids=tuple(job_ids)))

    def has_more_queued(self) -> bool:
        """Whether by what is remembered a lane that a claim must see may be new."""
        return any(jobs > 0 and lane[0] == JobState.QUEUED for lane, jobs in self._tally.items())

    def counted(self) -> list[tuple[str, str, str, int]]:
        """Return what `count` remembered, for the tally, and forget it."""
        changed = [(*lane, jobs) for lane, jobs in self._tally.items() if jobs]
        self._tally.clear()
        return changed

    def mark(self) -> Mark:
        """Return a point that `back_to` can return to."""
        return Mark(self._tally.copy(), len(self._notices), self.is_in_stretch)

    def back_to(self, mark: Mark) -> None:
        """Forget what was counted, told and noted since a point."""
        self._tally, told, self.is_in_stretch = mark
        del self._notices[told:]
