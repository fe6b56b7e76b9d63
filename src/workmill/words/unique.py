"""When two jobs of one task are one too many."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from workmill.words.state import JobState

UNFINISHED = (JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.RUNNING, JobState.RETRYING)


class OnConflict(StrEnum):
    """What becomes of a new job where there is one already."""

    REJECT = "reject"
    """An error that bears the id of the one there is; nothing is stored."""
    RETURN = "return"
    """The one there is is the answer."""
    REPLACE = "replace"
    """The one there is is cancelled, and the new one takes its place."""
    SKIP = "skip"
    """Nothing is stored, and of several jobs that one is left out of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniqueness:
    """A new job conflicts with the one that was stored last under its name for its task.

    It does so while that one is in one of `states`, and as long as less than `within` has passed since that one was
    stored. What the new job says counts. Where that one was to wait for the end of a running one that it replaced, and
    does not conflict any more, the new job conflicts with the running one as if that were the last. One that replaces
    waits for that running one whatever became of those between them.
    """

    name: str
    states: tuple[JobState, ...] = UNFINISHED
    within: timedelta | None = None
    on_conflict: OnConflict = OnConflict.REJECT
