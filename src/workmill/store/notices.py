"""What listeners are told, and how they hear it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class NoticeKind(StrEnum):
    """What a listener may be told. A notice is a hint: it may be lost, late or needless, never the only word."""

    QUEUED = "queued"
    """A job on `queue` can be claimed."""
    SCHEDULED = "scheduled"
    """A job was given a time to wait for or to begin by, a rate was reached, or a schedule has another next time."""
    CANCEL = "cancel"
    """The cancel of the running jobs `job_ids` was requested."""
    CHANGED = "changed"
    """The jobs `job_ids` changed: state or progress."""
    PUBLISHED = "published"
    """A message was published on `channel`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One hint. An empty `queue`, `channel` or `job_ids` stands for any."""

    kind: NoticeKind
    queue: str = ""
    job_ids: tuple[str, ...] = ()
    channel: str = ""


class Listener(Protocol):
    """One ear at the store, open between entering and leaving `Store.listen`."""

    async def next(self, timeout: float) -> list[Notice]:
        """Wait up to `timeout` seconds and return the notices that have come, oldest first; empty when none has.

        Notices that arrive between two calls are kept for the next, up to a bound; beyond it they are folded into one
        that stands for any.
        """
