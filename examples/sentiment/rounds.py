"""The states of a request in its table, and the only places where they change.

    unassigned → pending → success
        ↑           ↓
        └──────── failure

Each change is about one round of the request and does nothing when that is over, so that it may come late or twice.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, QuerySet  # type: ignore[import-untyped] # it has no types
from django.utils import timezone  # type: ignore[import-untyped] # likewise

from examples.sentiment.models import Request, State
from examples.sentiment.uploads import Upload

MOST_TRIES = 3


def store(upload: Upload) -> Request:
    """Store a new request, which nobody has taken."""
    request: Request = Request.objects.create(
        name=upload.name,
        text="\n".join(upload.lines),
        lines=len(upload.lines),
        email=upload.email,
        fault=upload.fault,
        changed_at=timezone.now(),
    )
    return request


def take_round(request: Request, flow: str, *, by_hand: bool) -> bool:
    """Begin the next round of a request; False where somebody else has done so since it was read."""
    tries = 1 if by_hand else F("tries") + 1
    return _change(
        Request.objects.filter(id=request.id, round=request.round),
        state=State.UNASSIGNED,
        round=F("round") + 1,
        tries=tries,
        flow=flow,
        error="",
        results=None,
    )


def begin(request_id: str, round_number: int) -> Request | None:
    """Note that a worker is at it, and return the request; None where that round is over."""
    this = Request.objects.filter(id=request_id, round=round_number)
    _change(this.filter(state=State.UNASSIGNED), state=State.PENDING)
    request: Request | None = this.first()
    return request


def succeed(request_id: str, round_number: int, results: Sequence[dict[str, object]]) -> bool:
    """Note the results; False where that round is over."""
    this = Request.objects.filter(id=request_id, round=round_number)
    return _change(this, state=State.SUCCESS, results=list(results), error="")


def fail(request_id: str, round_number: int, error: str) -> bool:
    """Note what went wrong; False where that round is over or ended well."""
    this = Request.objects.filter(id=request_id, round=round_number).exclude(state=State.SUCCESS)
    return _change(this, state=State.FAILURE, error=error)


def unfinished(quiet_for: timedelta) -> list[Request]:
    """Return the requests that may need another round: nothing was heard of them for a while."""
    since = timezone.now() - quiet_for
    waiting = Request.objects.exclude(state=State.SUCCESS).filter(changed_at__lt=since)
    # Those that were given up are for a person to begin again.
    return list(waiting.exclude(state=State.FAILURE, tries__gte=MOST_TRIES).defer("text").order_by("changed_at")[:100])


def _change(requests: "QuerySet[Request]", **values: object) -> bool:
    return bool(requests.update(changed_at=timezone.now(), **values))
