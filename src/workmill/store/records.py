"""What verbs of callers take and answer: frozen records."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from workmill.words.job import Job, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store can do beyond the contract, and what its "committed" survives.

    Attributes:
        crosses_processes: Several processes may share it.
        durability: One sentence: what a returned enqueue survives.
        joins: The kinds of connections whose transactions it can join, `postgresql`, `sqlite3` or `apsw`; empty where
            `enqueue_within` and `settle_within` raise `StoreError`.
    """

    name: str
    crosses_processes: bool
    durability: str
    joins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """A stored job; not `created` when an earlier one with the same id or key, or like it, is the answer instead."""

    job: Job
    created: bool


class Verdict(StrEnum):
    """What the store did with one transition."""

    APPLIED = "applied"
    STALE = "stale"
    """The claim is not the newest, or its attempt has ended: nothing was changed."""
    CANCEL_REQUESTED = "cancel_requested"
    """The transition would run the job again but its cancel was requested: nothing was changed, decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list: those that match every field given. An empty tuple asks for nothing in particular.

    A job created at the very moment `created_after` or `created_before` names matches neither.
    """

    states: tuple[JobState, ...] = ()
    tasks: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Jobs, newest first, and where the next page begins (None: this was the last)."""

    jobs: tuple[Job, ...]
    next_cursor: str | None
