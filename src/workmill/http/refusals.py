"""What the library and the framework raise, told as problems."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from workmill import (
    CountChanged,
    FlowNotFound,
    InvalidOption,
    JobNotFound,
    ParentNotFound,
    QueueFull,
    ScheduleActive,
    ScheduleChanged,
    ScheduleError,
    ScheduleNotFound,
    StoreError,
    UniqueConflict,
    UnknownTask,
)
from workmill.http.problem import (
    COUNT_CHANGED,
    FLOW_NOT_FOUND,
    INTERNAL_ERROR,
    INVALID_CURSOR,
    INVALID_PARAMETER,
    JOB_NOT_FOUND,
    NOT_FOUND,
    PARENT_NOT_FOUND,
    PRECONDITION_FAILED,
    QUEUE_FULL,
    SCHEDULE_ACTIVE,
    SCHEDULE_NOT_FOUND,
    STORE_UNAVAILABLE,
    TASK_NOT_FOUND,
    UNIQUE_CONFLICT,
    Document,
    Problem,
    invalid_parameter,
)

Refusal: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]

RETRY_SECONDS = "2"


def _refusal(told: Callable[[Exception], Problem]) -> Refusal:
    async def refuse(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the framework's signature
        return told(error).response()

    return refuse


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case UnknownTask() | JobNotFound() | FlowNotFound() | ScheduleNotFound():
            return _not_found(error)
        case InvalidOption():
            kind = INVALID_CURSOR if error.option == "cursor" else INVALID_PARAMETER
            return invalid_parameter(error.option, str(error.value), error.remedy, kind=kind)
        case UniqueConflict() | ParentNotFound() | CountChanged() | QueueFull() | ScheduleActive() | ScheduleChanged():
            return _against_a_rule(error)
        case StoreError():
            # Not the error's own words: they may name files and hosts that are not the client's business.
            detail = "whether a change took effect is unknown: repeat it, a submission with the same Idempotency-Key"
            return Problem(STORE_UNAVAILABLE, detail, headers={"Retry-After": RETRY_SECONDS})
        case HTTPException(status_code=404):
            return Problem(NOT_FOUND, "there is nothing at this path: /openapi.json lists what there is")
        case _:
            return Problem(INTERNAL_ERROR, "the server's log says more; the request may have taken effect")


def _not_found(error: UnknownTask | JobNotFound | FlowNotFound | ScheduleNotFound) -> Problem:
    match error:
        case UnknownTask():
            return Problem(TASK_NOT_FOUND, str(error), members={"task": error.name})
        case JobNotFound():
            return Problem(JOB_NOT_FOUND, str(error), members={"id": error.job_id})
        case FlowNotFound():
            return Problem(FLOW_NOT_FOUND, str(error), members={"id": error.flow_id})
        case ScheduleNotFound():
            return Problem(SCHEDULE_NOT_FOUND, str(error), members={"name": error.name})


def _against_a_rule(
    error: UniqueConflict | ParentNotFound | CountChanged | QueueFull | ScheduleActive | ScheduleChanged,
) -> Problem:
    match error:
        case ScheduleActive():
            return Problem(SCHEDULE_ACTIVE, str(error), members={"name": error.name})
        case ScheduleChanged():
            return Problem(PRECONDITION_FAILED, str(error), members={"name": error.name, "version": error.version})
        case UniqueConflict():
            return Problem(UNIQUE_CONFLICT, str(error), members={"id": error.job_id, "state": error.state})
        case ParentNotFound():
            return Problem(PARENT_NOT_FOUND, str(error), members={"id": error.parent})
        case CountChanged():
            return Problem(COUNT_CHANGED, str(error), members={"expected": error.expected, "found": error.found})
        case QueueFull():
            told: Document = {"queue": error.queue, "waiting": error.waiting}
            return Problem(QUEUE_FULL, str(error), members=told, headers={"Retry-After": RETRY_SECONDS})


async def _nobody_hears(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the framework's signature
    return Response(status_code=400)


REFUSALS: dict[type[Exception] | int, Refusal] = {
    **dict.fromkeys(
        (
            Problem,
            UnknownTask,
            JobNotFound,
            FlowNotFound,
            ScheduleError,
            InvalidOption,
            UniqueConflict,
            ParentNotFound,
            CountChanged,
            StoreError,
            HTTPException,
            Exception,
        ),
        _refusal(_problem),
    ),
    ClientDisconnect: _nobody_hears,
}
