"""How jobs end that never begin, in words: the same in every store."""

from workmill.words.outcome import Failure, FailureKind

EXPIRED = "it was not started in time"


def parent_failed(parent: str) -> Failure:
    """Return the failure of a job that follows one that failed."""
    message = f"job {parent}, which it follows, failed"
    return Failure(kind=FailureKind.DEPENDENCY, type="ParentFailed", message=message)


def parent_cancelled(parent: str) -> str:
    """Return the reason of a job that follows one that was cancelled."""
    return f"job {parent}, which it follows, was cancelled"


def not_needed() -> str:
    """Return the reason of a job that was for a failure which did not come."""
    return "no job that it follows failed"


def replaced_by(job: str) -> str:
    """Return the reason of a job whose place another has taken."""
    return f"job {job} takes its place"


def schedule_stopped(name: str) -> str:
    """Return the reason of a job whose schedule was stopped."""
    return f"schedule {name} was stopped"


def overlapped_by(job: str) -> str:
    """Return the reason of a job that must make room for the next of its schedule."""
    return f"job {job} of its schedule is due"
