"""Errors as RFC 9457 problems: one stable slug for each thing that can be wrong with a request."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.responses import Response

Document: TypeAlias = dict[str, object]
"""A JSON object."""

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:workmill:problem:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of problem: its slug never changes its meaning, its title is for people."""

    slug: str
    status: int
    title: str


MALFORMED_JSON = Kind(slug="malformed-json", status=400, title="The body is not JSON")
MALFORMED_REQUEST = Kind(slug="malformed-request", status=400, title="The request contradicts itself")
UNAUTHENTICATED = Kind(slug="unauthenticated", status=401, title="A valid bearer token is needed")
CROSS_SITE_REQUEST = Kind(slug="cross-site-request", status=403, title="Another site may not change anything here")
FORBIDDEN = Kind(slug="forbidden", status=403, title="Whoever sent this may not do it")
READ_ONLY = Kind(slug="read-only", status=403, title="Nothing can be changed through this server")
NOT_FOUND = Kind(slug="not-found", status=404, title="There is nothing at this path")
TASK_NOT_FOUND = Kind(slug="task-not-found", status=404, title="No such task")
JOB_NOT_FOUND = Kind(slug="job-not-found", status=404, title="No such job")
SCHEDULE_NOT_FOUND = Kind(slug="schedule-not-found", status=404, title="No such schedule")
FLOW_NOT_FOUND = Kind(slug="flow-not-found", status=404, title="No such flow")
METHOD_NOT_ALLOWED = Kind(slug="method-not-allowed", status=405, title="This path does not know the method")
NOT_ACCEPTABLE = Kind(slug="not-acceptable", status=406, title="No acceptable media type")
REQUEST_TIMEOUT = Kind(slug="request-timeout", status=408, title="The body came too slowly")
JOB_NOT_FINISHED = Kind(slug="job-not-finished", status=409, title="The job has not finished")
JOB_FAILED = Kind(slug="job-failed", status=409, title="The job failed, so it has no result")
JOB_CANCELLED = Kind(slug="job-cancelled", status=409, title="The job was cancelled, so it has no result")
JOB_ALREADY_FINISHED = Kind(slug="job-already-finished", status=409, title="The job has finished already")
SCHEDULE_ACTIVE = Kind(slug="schedule-active", status=409, title="The schedule goes on already")
SCHEDULE_BUSY = Kind(slug="schedule-busy", status=409, title="A job of the schedule has not ended")
FLOW_STATE = Kind(slug="flow-state", status=409, title="The flow has not ended, or has nothing to repeat")
UNIQUE_CONFLICT = Kind(slug="unique-conflict", status=409, title="There is a job already that allows no second one")
COUNT_CHANGED = Kind(slug="count-changed", status=409, title="There are not as many jobs as expected")
PRECONDITION_FAILED = Kind(slug="precondition-failed", status=412, title="It is not the version that was named")
BODY_TOO_LARGE = Kind(slug="body-too-large", status=413, title="The body is too large")
UNSUPPORTED_MEDIA_TYPE = Kind(slug="unsupported-media-type", status=415, title="The body is of the wrong media type")
WRONG_HOST = Kind(slug="wrong-host", status=421, title="This server does not answer for that host")
VALIDATION_FAILED = Kind(slug="validation-failed", status=422, title="The body does not match its schema")
INVALID_PARAMETER = Kind(slug="invalid-parameter", status=422, title="A parameter is out of its range")
INVALID_CURSOR = Kind(slug="invalid-cursor", status=422, title="The cursor is none that was given out")
IDEMPOTENCY_KEY_REUSED = Kind(
    slug="idempotency-key-reused", status=422, title="The idempotency key names a job with other arguments"
)
PARENT_NOT_FOUND = Kind(slug="parent-not-found", status=422, title="A job is to follow one that is not there")
PRECONDITION_REQUIRED = Kind(slug="precondition-required", status=428, title="Say which version is to be changed")
INTERNAL_ERROR = Kind(slug="internal-error", status=500, title="The server met an error of its own")
QUEUE_FULL = Kind(slug="queue-full", status=503, title="The queue may hold no more jobs")
STORE_UNAVAILABLE = Kind(slug="store-unavailable", status=503, title="The store does not answer")

KINDS = (
    MALFORMED_JSON,
    MALFORMED_REQUEST,
    UNAUTHENTICATED,
    CROSS_SITE_REQUEST,
    FORBIDDEN,
    READ_ONLY,
    NOT_FOUND,
    TASK_NOT_FOUND,
    JOB_NOT_FOUND,
    SCHEDULE_NOT_FOUND,
    FLOW_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    REQUEST_TIMEOUT,
    JOB_NOT_FINISHED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_ALREADY_FINISHED,
    SCHEDULE_ACTIVE,
    SCHEDULE_BUSY,
    FLOW_STATE,
    UNIQUE_CONFLICT,
    COUNT_CHANGED,
    PRECONDITION_FAILED,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    WRONG_HOST,
    VALIDATION_FAILED,
    INVALID_PARAMETER,
    INVALID_CURSOR,
    IDEMPOTENCY_KEY_REUSED,
    PARENT_NOT_FOUND,
    PRECONDITION_REQUIRED,
    INTERNAL_ERROR,
    QUEUE_FULL,
    STORE_UNAVAILABLE,
)


class Problem(Exception):
    """A request is refused; what is said about it is the body of the answer.

    Args:
        kind: Which problem.
        detail: What is wrong here and what to do about it.
        errors: One object for each wrong place.
        members: Further members of the body.
        headers: Headers that the answer needs.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[Mapping[str, object]] = (),
        members: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the answer that says this."""
        body: Document = {
            "type": TYPE_PREFIX + self.kind.slug,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            **self.members,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        # Written in ASCII: what a client sent may come back in here, lone surrogates included.
        text = json.dumps(body, separators=(",", ":"))
        return Response(text, self.kind.status, {"Cache-Control": "no-store", **self.headers}, media_type=MEDIA_TYPE)


def invalid_parameter(name: str, value: str, remedy: str, *, kind: Kind = INVALID_PARAMETER) -> Problem:
    """Return the refusal of one query parameter or header."""
    shown = value if len(value) <= 100 else f"{value[:100]}…"
    detail = f"{name}={shown!r} is refused: {remedy}"
    return Problem(kind, detail, errors=[{"parameter": name, "detail": remedy, "type": kind.slug}])
