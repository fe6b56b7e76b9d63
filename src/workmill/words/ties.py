"""What binds a job to others: whom it follows, what it gets from them, and what it is counted with."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from workmill.words.limit import Gate


class Needs(StrEnum):
    """What must become of the jobs that a job follows, before it is queued."""

    SUCCESS = "success"
    """All succeed. If one fails, it fails too; if one is cancelled, it is cancelled."""
    END = "end"
    """All end, however."""
    FAILURE = "failure"
    """All end and one of them fails. If none fails, it is cancelled: it is not needed."""


class Feed(StrEnum):
    """What a job gets from those that it follows, as the first argument of its function."""

    NOTHING = "nothing"
    RESULT = "result"
    """The result of the one it follows; None where that did not succeed."""
    RESULTS = "results"
    """The list of their results, in the order in which they are named; None for each that did not succeed."""
    ID = "id"
    """The id of the one it follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """The jobs that a new job follows, its parents, and what must become of them."""

    jobs: tuple[str, ...]
    needs: Needs = Needs.SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """What a job bears that is bound to others; most jobs bear none.

    Attributes:
        gates: What it passes to begin, beside the rules of its task and its queue; each name once.
        flow: The flow it belongs to.
        schedule: The schedule that made it.
        tick: The moment that the schedule made it for.
        feed: What it gets from its parents.
        needs: What it needs of its parents, as its `After` said; for whoever repeats it or draws its flow.
    """

    gates: tuple[Gate, ...] = ()
    flow: str | None = None
    schedule: str | None = None
    tick: datetime | None = None
    feed: Feed = Feed.NOTHING
    needs: Needs = Needs.SUCCESS
