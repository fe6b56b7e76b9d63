"""The parts of an OpenAPI operation, each made from what the code itself goes by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workmill.http import body, problem
from workmill.http.problem import MEDIA_TYPE as PROBLEM_MEDIA_TYPE
from workmill.http.problem import Document, Kind
from workmill.http.query import Parameter
from workmill.http.schemas import reference

_TEXT: Document = {"type": "string"}
_SECONDS: Document = {"type": "integer", "minimum": 0}

PREFER: Document = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=n` waits up to n seconds for the job (RFC 7240).",
    "schema": _TEXT,
}
IF_NONE_MATCH: Document = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag that the client has: answers 304 for it, and with a wait as soon as there is another.",
    "schema": _TEXT,
}
IF_MATCH: Document = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of what is to be changed, as it was seen.",
    "schema": _TEXT,
}
LAST_EVENT_ID: Document = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The id of the last event seen; the stream goes on after it.",
    "schema": _TEXT,
}
IDEMPOTENCY_KEY: Document = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Submitting again with this key and the same arguments gives the same job.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}

BODY_PROBLEMS = (
    problem.MALFORMED_JSON,
    problem.REQUEST_TIMEOUT,
    problem.BODY_TOO_LARGE,
    problem.UNSUPPORTED_MEDIA_TYPE,
    problem.VALIDATION_FAILED,
)
"""What can be wrong with a body of JSON."""

_ETAG: Document = {"description": "The job's version.", "required": True, "schema": _TEXT}
_RETRY_AFTER: Document = {"description": "Seconds after which to ask again, while the job goes on.", "schema": _SECONDS}
_APPLIED: Document = {"description": "The wait that was used.", "schema": _TEXT}
JOB_HEADERS: Document = {"ETag": _ETAG, "Retry-After": _RETRY_AFTER, "Preference-Applied": _APPLIED}
SUBMITTED_HEADERS: Document = {
    **JOB_HEADERS,
    "Location": {"description": "Where the job is.", "required": True, "schema": _TEXT},
    "Idempotent-Replayed": {
        "description": "`true` where the job was there already under this key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}

_PARAMETERS_OF_LINKED: Document = {"id": "$response.body#/id"}
JOB_LINKS: Document = {
    name: {"operationId": operation, "parameters": _PARAMETERS_OF_LINKED}
    for name, operation in {
        "job": "get_job",
        "result": "get_result",
        "attempts": "list_attempts",
        "events": "follow_job",
        "cancel": "cancel_job",
        "retry": "retry_job",
        "why": "get_why",
    }.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        answers: What it answers when all is well, by status.
        problems: What else it answers, beside what any path may.
        is_open: It asks for no token.
    """

    id: str
    summary: str
    tag: str
    answers: Document
    parameters: Sequence[Document] = ()
    body: Document | None = None
    problems: Sequence[Kind] = ()
    is_open: bool = False

    def document(self, common: Sequence[Kind]) -> Document:
        """Return the operation as OpenAPI has it."""
        document: Document = {
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.tag],
            "parameters": list(self.parameters),
            "responses": self.answers | _refusals([*self.problems, *common]),
        }
        if self.body is not None:
            document["requestBody"] = self.body
        if self.is_open:
            document["security"] = []
        return document


def answer(description: str, schema: Document, **more: object) -> Document:
    """Return an answer with a JSON body."""
    return {"description": description, "content": {body.MEDIA_TYPE: {"schema": schema}}, **more}


def json_body(name: str, *, is_required: bool) -> Document:
    """Return a body of JSON, by the name of its schema."""
    return {"required": is_required, "content": {body.MEDIA_TYPE: {"schema": reference(name)}}}


def in_path(name: str, schema: Document, description: str) -> Document:
    """Return a parameter that stands in the path."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def in_query(parameters: Iterable[Parameter[object]], *, repeated: Sequence[Parameter[object]] = ()) -> list[Document]:
    """Return query parameters; those `repeated` are arrays."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.description,
            "schema": {"type": "array", "items": parameter.schema} if parameter in repeated else parameter.schema,
        }
        for parameter in parameters
    ]


def _refusals(kinds: Iterable[Kind]) -> Document:
    by_status: dict[str, list[Kind]] = {}
    for kind in kinds:
        by_status.setdefault(str(kind.status), []).append(kind)
    return {status: _refusal(kinds) for status, kinds in sorted(by_status.items())}


def _refusal(kinds: Sequence[Kind]) -> Document:
    said = "; ".join(f"`{kind.slug}`: {kind.title}" for kind in kinds)
    return {"description": said, "content": {PROBLEM_MEDIA_TYPE: {"schema": reference("Problem")}}}
