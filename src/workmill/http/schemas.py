"""The JSON Schemas of what this API answers with."""

from workmill import Ending, FailureKind, JobState, OnConflict, Scope, WhyCode
from workmill.http.problem import KINDS, TYPE_PREFIX, Document

_TEXT: Document = {"type": "string"}
_TEXT_OR_NULL: Document = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Document = {"type": ["number", "null"]}
_COUNT: Document = {"type": "integer", "minimum": 0}
_MOMENT: Document = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL: Document = {"type": ["string", "null"], "format": "date-time"}
_ID: Document = {"type": "string", "format": "uuid"}


def reference(name: str) -> Document:
    """Return a reference to one of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: dict[str, Document], *, description: str) -> Document:
    """Return the schema of an object that always has all of these members, and in later versions perhaps more."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": sorted(properties),
    }


def _nullable(name: str) -> Document:
    return {"anyOf": [reference(name), {"type": "null"}]}


def _list(name: str) -> Document:
    return {"type": "array", "items": reference(name)}


def _words(words: list[str], *, description: str) -> Document:
    return {"type": "string", "enum": words, "description": description}


_PROGRESS = record(
    {
        "value": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "The share done, if known."},
        "current": {"type": "number"},
        "total": _NUMBER_OR_NULL,
        "message": _TEXT_OR_NULL,
    },
    description="How far a job says it is.",
)
_ERROR = record(
    {
        "kind": _words([str(kind) for kind in FailureKind], description="What a program branches on."),
        "type": _TEXT,
        "message": _TEXT,
        "traceback": _TEXT,
    },
    description="Why an attempt has no result.",
)
_JOB = record(
    {
        "id": _ID,
        "task": _TEXT,
        "queue": _TEXT,
        "priority": {"type": "integer"},
        "state": _words([str(state) for state in JobState], description="Expect further states in later versions."),
        "done": {"type": "boolean", "description": "Whether the state is final."},
        "attempt": _COUNT,
        "max_attempts": _COUNT,
        "deaths": _COUNT,
        "progress": _nullable("Progress"),
        "args": {"type": ["object", "null"], "description": "The arguments; null where they cannot be read."},
        "result": {"description": "The result of a job that succeeded, else null."},
        "error": _nullable("Error"),
        "key": _TEXT_OR_NULL,
        "worker": _TEXT_OR_NULL,
        "created_at": _MOMENT,
        "run_at": _MOMENT_OR_NULL,
        "started_at": _MOMENT_OR_NULL,
        "finished_at": _MOMENT_OR_NULL,
        "expires_at": _MOMENT_OR_NULL,
        "cancel_requested_at": _MOMENT_OR_NULL,
        "cancel_reason": _TEXT_OR_NULL,
        "cancel_forced": {"type": "boolean", "description": "Whether it was to be ended without being asked."},
        "retry_of": {"type": ["string", "null"], "description": "The job that this one repeats."},
        "flow": {"type": ["string", "null"], "description": "The flow that it belongs to."},
        "schedule": {"type": ["string", "null"], "description": "The schedule that made it."},
        "tick": {"type": ["string", "null"], "format": "date-time", "description": "When the schedule made it for."},
        "version": {"type": "integer", "description": "Rises with every change; also the ETag."},
    },
    description="One persisted call of a task.",
)
_ATTEMPT = record(
    {
        "number": _COUNT,
        "worker": _TEXT_OR_NULL,
        "started_at": _MOMENT_OR_NULL,
        "ended_at": _MOMENT,
        "ending": _words([str(ending) for ending in Ending], description="How it ended."),
        "error": _nullable("Error"),
    },
    description="One run of a job that is over.",
)
_SAID: dict[str, Document] = {
    "running": {"type": ["integer", "null"], "description": "How many may run at a time."},
    "rate": {
        "anyOf": [
            record(
                {"count": _COUNT, "per_seconds": {"type": "number"}},
                description="How many attempts may begin in any stretch of a length of time.",
            ),
            {"type": "null"},
        ]
    },
    "waiting": {"type": ["integer", "null"], "description": "How many of a queue may be stored that have not begun."},
}
_UNIQUENESS = record(
    {
        "by": {"type": ["array", "null"], "items": _TEXT, "description": "Alike by these arguments; null: by all."},
        "key": {"type": ["string", "null"], "description": "Alike by this text, with names of arguments in braces."},
        "states": {"type": "array", "items": _TEXT, "description": "The states in which a job stands in the way."},
        "within_seconds": _NUMBER_OR_NULL,
        "on_conflict": _words([str(each) for each in OnConflict], description="What becomes of the second one."),
    },
    description="Which of a task's jobs are one too many.",
)
_TASK_LIMIT = record(
    {
        "scope": _words([str(scope) for scope in Scope], description="What it is about."),
        "name": _TEXT,
        "key": {"type": ["string", "null"], "description": "What a key is made of, with names of arguments in braces."},
        **_SAID,
    },
    description="A limit that a task declares.",
)
_TASK = record(
    {
        "name": _TEXT,
        "doc": _TEXT,
        "queue": _TEXT,
        "schema": {"type": ["object", "null"], "description": "The JSON Schema of the arguments."},
        "result_schema": {"type": ["object", "boolean", "null"], "description": "The JSON Schema of the result."},
        "problem": {"type": ["string", "null"], "description": "Why there are no schemas and no job can be submitted."},
        "max_attempts": _COUNT,
        "timeout_seconds": _NUMBER_OR_NULL,
        "keep_seconds": {"type": "number"},
        "expires_seconds": _NUMBER_OR_NULL,
        "unique": _nullable("Uniqueness"),
        "limits": _list("TaskLimit"),
        "process": {"type": "boolean", "description": "Whether each attempt runs in a process of its own."},
        "grace_seconds": _NUMBER_OR_NULL,
        "memory_bytes": {"type": ["integer", "null"]},
    },
    description="A registered function.",
)
_LIMIT = record(
    {
        "scope": _words([str(scope) for scope in Scope], description="What it is about."),
        "name": _TEXT,
        **_SAID,
        "declared": {"anyOf": [record(_SAID, description="What code declares."), {"type": "null"}]},
        "jobs_running": _COUNT,
    },
    description="A rule that is in force, and how many jobs run that it counts.",
)
_QUEUE = record(
    {
        "name": _TEXT,
        "counts": {
            "type": "object",
            "additionalProperties": _COUNT,
            "description": "Its jobs by state, without zeros.",
        },
        "unbegun": {**_COUNT, "description": "How many do not run and are not over."},
        "paused": {"type": "boolean"},
        "paused_since": _MOMENT_OR_NULL,
        "paused_by": _TEXT_OR_NULL,
        "limit": _nullable("Limit"),
        "workers": {
            "type": "array",
            "items": record({"id": _TEXT, "name": _TEXT}, description="A live worker that takes it."),
        },
    },
    description="How a queue stands.",
)
_WHY = record(
    {
        "code": _words([str(code) for code in WhyCode], description="What a program branches on; expect further ones."),
        "sentence": _TEXT,
        "details": {"type": "object", "description": "What the sentence says, and more of it."},
    },
    description="Why a job does not run, or that it does.",
)
_ACTED = record(
    {
        "action": _TEXT,
        "dry_run": {"type": "boolean"},
        "matched": _COUNT,
        "done": _COUNT,
        "jobs": {"type": "array", "items": _ID, "description": "Some of them; of a retry the new ones."},
        "refused": {
            "type": "array",
            "items": record({"id": _ID, "detail": _TEXT}, description="What was not done, and why."),
        },
    },
    description="What was done to jobs, or of a dry run what would be.",
)
_JOB_COUNT = record(
    {"queue": _TEXT, "task": _TEXT, "state": _TEXT, "jobs": _COUNT},
    description="How many stored jobs of one task on one queue are in one state.",
)
_ERROR_PLACE: Document = {
    "type": "object",
    "description": "One wrong place: a JSON Pointer into the body, or the name of a parameter or header.",
    "properties": {"pointer": _TEXT, "parameter": _TEXT, "given": _TEXT, "detail": _TEXT, "type": _TEXT},
    "required": ["detail", "type"],
}
_PROBLEM: Document = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457).",
    "properties": {
        "type": {"type": "string", "enum": [TYPE_PREFIX + kind.slug for kind in KINDS]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {"type": "array", "items": _ERROR_PLACE},
    },
    "required": ["type", "title", "status", "detail"],
}

SCHEMAS: Document = {
    "Job": _JOB,
    "Progress": _PROGRESS,
    "Error": _ERROR,
    "Attempt": _ATTEMPT,
    "Task": _TASK,
    "Count": _JOB_COUNT,
    "Limit": _LIMIT,
    "TaskLimit": _TASK_LIMIT,
    "Uniqueness": _UNIQUENESS,
    "Queue": _QUEUE,
    "Why": _WHY,
    "Acted": _ACTED,
    "Problem": _PROBLEM,
    "JobPage": record({"items": _list("Job"), "next_cursor": _TEXT_OR_NULL}, description="Jobs, newest first."),
    "AttemptList": record({"items": _list("Attempt")}, description="Attempts, oldest first."),
    "TaskList": record({"items": _list("Task")}, description="The registered tasks."),
    "CountList": record({"items": _list("Count")}, description="The stored jobs, counted."),
    "QueueList": record({"items": _list("Queue")}, description="The queues, by name."),
    "LimitList": record({"items": _list("Limit")}, description="The rules in force, by scope and name."),
    "Purged": record({"cancelled": _COUNT}, description="How many jobs were cancelled."),
    "StoredJob": record({"created": {"type": "boolean"}, "job": reference("Job")}, description="A job of a batch."),
    "StoredBatch": record({"items": _list("StoredJob")}, description="The jobs; what was there is not `created`."),
    "Alive": record({"alive": {"const": True}}, description="The process answers."),
    "Ready": record({"ready": {"const": True}}, description="The store answers, too."),
    "Cancellation": {
        "type": "object",
        # No NUL: not every store can hold one.
        "properties": {
            "reason": {"type": ["string", "null"], "maxLength": 1000, "pattern": r"^[^\u0000]*$"},
            "force": {"type": "boolean", "description": "End it without asking it first."},
        },
        "additionalProperties": False,
    },
    "Repetition": {
        "type": "object",
        "properties": {
            "arguments": {
                "type": ["object", "null"],
                "description": "All arguments by name, as its task takes them; without them, those of the old job.",
            }
        },
        "additionalProperties": False,
    },
}
