"""What became of an attempt that was made to end, or whose process died: as an outcome, and in words."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, assert_never

from workmill.craft.executor import TimeLimitExceeded
from workmill.running.solo.process import Death
from workmill.words.outcome import Cancelled, Failed, Failure, FailureKind, Interrupted, Outcome, Returned
from workmill.words.size import shown_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtime:
    """Its time is over."""

    limit: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """Somebody cancelled the job."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Its worker stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """It has taken more memory than it may."""

    limit: int
    taken: int


Cause: TypeAlias = Overtime | CancelRequest | Stopping | Excess
"""Why an attempt is made to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How an attempt went that is over.

    Attributes:
        cause: Why it was made to end; None where it was not.
        seconds: How long it took from then on.
        was_hit: Whether it was sent a signal, and not asked alone.
    """

    cause: Cause | None = None
    seconds: float = 0.0
    was_hit: bool = False


def outcome_of_end(course: Course, said: Outcome) -> Outcome:
    """Return the outcome of an attempt that has told its own.

    It holds also where the task was asked to end, unless its time was over: then it comes too late.
    """
    if not isinstance(course.cause, Overtime):
        return said
    how = "ended at SIGTERM" if course.was_hit else "ended"
    return _too_long(course.cause, f"asked to end, it {how} after {course.seconds:.1f} s", stack="")


def outcome_of_death(course: Course, death: Death, *, by_kernel: bool) -> Outcome:
    """Return the outcome of an attempt whose process is gone.

    Args:
        course: How it went.
        death: How the process ended.
        by_kernel: Whether the kernel has killed for want of memory meanwhile.
    """
    match course.cause:
        case None:
            return _interrupted_by_kernel(death) if by_kernel else _killed(death)
        case Excess():
            said = f"the attempt took {shown_size(course.cause.taken)} of memory, its limit is "
            return _out_of_memory(death, said + shown_size(course.cause.limit))
        case Overtime():
            how = f"asked to end, its process was {death.how} after {course.seconds:.1f} s"
            return _too_long(course.cause, how, stack=death.stack)
        case CancelRequest():
            return Cancelled(reason=course.cause.reason)
        case Stopping():
            return Returned()
    assert_never(course.cause)


def _too_long(cause: Overtime, how: str, *, stack: str) -> Failed:
    message = f"{TimeLimitExceeded(cause.limit)}; {how}"
    failure = Failure(kind=FailureKind.TIMEOUT, type=TimeLimitExceeded.__name__, message=message, traceback=stack)
    return Failed(failure=failure)


def _killed(death: Death) -> Interrupted:
    message = f"the process of the attempt was {death.how}; {_peak(death)}"
    return _interrupted(FailureKind.KILLED, "ProcessDied", message, death)


def _interrupted_by_kernel(death: Death) -> Interrupted:
    return _out_of_memory(death, "the kernel killed the process of the attempt because memory ran out")


def _out_of_memory(death: Death, what: str) -> Interrupted:
    return _interrupted(FailureKind.OUT_OF_MEMORY, "OutOfMemory", f"{what}; {_peak(death)}", death)


def _interrupted(kind: FailureKind, name: str, message: str, death: Death) -> Interrupted:
    return Interrupted(failure=Failure(kind=kind, type=name, message=message, traceback=death.stack))


def _peak(death: Death) -> str:
    return f"its process had {shown_size(death.peak_bytes)} at most"
