"""What became of one attempt, before anybody has decided what follows from it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias


class FailureKind(StrEnum):
    """Why an attempt has no result. Clients branch on this, people read `type` and `message`."""

    ERROR = "error"
    """The task raised."""
    TIMEOUT = "timeout"
    """The attempt ran past its time limit."""
    INTERRUPTED = "interrupted"
    """The worker died or lost its lease while the attempt ran."""
    KILLED = "killed"
    """The attempt's own process died."""
    OUT_OF_MEMORY = "out_of_memory"
    """The attempt's own process was killed because it took more memory than its limit, or than there was."""
    ARGUMENTS_REJECTED = "arguments_rejected"
    """The stored arguments do not match the signature that the worker knows."""
    RESULT_REJECTED = "result_rejected"
    """The task returned what cannot be written as JSON of its return type."""
    DEPENDENCY = "dependency"
    """A job that this one follows failed, or its result is not stored any more, so this one never began."""
    UNREADABLE = "unreadable"
    """The stored row itself cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The evidence of a failed attempt. Text only: nothing is ever imported or rebuilt from it."""

    kind: FailureKind
    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The task returned; `result` is JSON."""

    result: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The attempt failed. `after` replaces the backoff's delay; not `retryable` means never again."""

    failure: Failure
    retryable: bool = True
    after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed:
    """The task asked to run again later; this run is not counted as an attempt."""

    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The task ended itself, or heeded a cancel."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """The process that ran the attempt died or lost its lease; nobody knows how far it came."""

    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A worker that stops gives the job back unharmed; this run is not counted as an attempt."""


Outcome: TypeAlias = Succeeded | Failed | Snoozed | Cancelled | Interrupted | Returned
