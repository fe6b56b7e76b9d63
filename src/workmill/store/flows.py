"""Flows as the store sees them: jobs that bear the same flow's id."""

from dataclasses import dataclass
from datetime import datetime

from workmill.words.job import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How a flow stands: how many of its stored jobs are in each state, zeros left out.

    Attributes:
        created_at: When its first job was stored.
    """

    id: str
    created_at: datetime
    counts: dict[JobState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPage:
    """Flows, newest first, and where the next page begins (None: this was the last)."""

    flows: tuple[Flow, ...]
    next_cursor: str | None
