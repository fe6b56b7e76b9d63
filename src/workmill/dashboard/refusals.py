"""What is refused, told as a page: a status, a title, and what to do about it."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException

from workmill import (
    FlowNotFound,
    InvalidOption,
    JobError,
    JobNotFound,
    QueueFull,
    ScheduleError,
    ScheduleNotFound,
    StoreError,
    TaskError,
    UnknownTask,
)
from workmill.guard import Reason, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a page says in place of what was asked for."""

    status: int
    title: str
    detail: str


NO_ACCESS = Refusal(
    status=403,
    title="You have no access",
    detail="Without a token or an access rule, this dashboard answers only browsers on its own machine, at its own "
    "address. Start the server with a token, or mount the dashboard with access=.",
)
NOT_ALLOWED = Refusal(status=403, title="You may not do this", detail="Your access does not reach this far.")
NEEDS_TOKEN = Refusal(
    status=401,
    title="Sign in",
    detail="Give this server's token as the password; the user name does not matter.",
)

_STATUS = {Reason.MALFORMED: 400, Reason.WRONG_HOST: 421, Reason.CROSS_SITE: 403}
_REMEDIES = {Reason.CROSS_SITE: ". Where a proxy stands before this server, let it hand on the Host header as it came."}
_TITLES = {
    Reason.MALFORMED: "The request contradicts itself",
    Reason.WRONG_HOST: "This server does not answer for that host",
    Reason.CROSS_SITE: "Another site may not change anything here",
}


def refusal_of(error: Exception) -> Refusal | None:
    """Return what to say of an error; None for one that nobody expected."""
    match error:
        case Refused():
            detail = error.detail + _REMEDIES.get(error.reason, "")
            return Refusal(status=_STATUS[error.reason], title=_TITLES[error.reason], detail=detail)
        case UnknownTask() | JobNotFound() | FlowNotFound() | ScheduleNotFound():
            return Refusal(status=404, title="There is no such thing", detail=str(error))
        case HTTPException():
            return _plain(error)
        case QueueFull():
            return Refusal(status=503, title="The queue is full", detail=str(error))
        case InvalidOption() | TaskError():
            return Refusal(status=422, title="This cannot be", detail=str(error))
        case JobError() | ScheduleError():
            return Refusal(status=409, title="This is not possible now", detail=str(error))
        case StoreError():
            # Not the error's own words: they may name files and hosts that are not the reader's business.
            detail = "Whether a change took effect is unknown: look before you repeat it. The server's log says more."
            return Refusal(status=503, title="The store does not answer", detail=detail)
        case _:
            return None


def _plain(error: HTTPException) -> Refusal:
    if error.status_code == 404:
        return Refusal(status=404, title="There is nothing here", detail="The address leads nowhere.")
    return Refusal(status=error.status_code, title="This is refused", detail=error.detail)
