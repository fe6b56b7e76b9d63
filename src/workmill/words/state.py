"""Where a job is in its life."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life; the last three are final, once."""

    SCHEDULED = "scheduled"
    """Not before a time."""
    WAITING = "waiting"
    """For other jobs."""
    QUEUED = "queued"
    """For a worker."""
    RUNNING = "running"
    """Under a worker's lease."""
    RETRYING = "retrying"
    """Failed, and will run again."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow this state."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
