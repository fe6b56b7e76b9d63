"""The JSON Schemas of schedules, flows and messages."""

from workmill import JobState, Missed, Overlap
from workmill.http.problem import Document
from workmill.http.schemas import record, reference

_TEXT: Document = {"type": "string"}
_TEXT_OR_NULL: Document = {"type": ["string", "null"]}
_COUNT: Document = {"type": "integer", "minimum": 0}
_MOMENT: Document = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL: Document = {"type": ["string", "null"], "format": "date-time"}
_STATE: Document = {"type": "string", "enum": [str(state) for state in JobState]}
_ERROR: Document = {"anyOf": [reference("Error"), {"type": "null"}]}


def _list(name: str) -> Document:
    return {"type": "array", "items": reference(name)}


_SCHEDULE = record(
    {
        "name": _TEXT,
        "when": {"type": "string", "description": "`cron 0 9 * * 1-5 Europe/Berlin`, `every 30` or `loop 15`."},
        "task": _TEXT,
        "queue": _TEXT,
        "priority": {"type": "integer"},
        "args": {"type": ["object", "null"]},
        "overlap": {"type": "string", "enum": [str(each) for each in Overlap]},
        "missed": {"type": "string", "enum": [str(each) for each in Missed]},
        "declared": {"type": "boolean", "description": "Whether code declares it; else it was made at run time."},
        "active": {"type": "boolean"},
        "next_at": _MOMENT_OR_NULL,
        "next": {"type": "array", "items": _MOMENT, "description": "Its next times, or those if it were started now."},
        "last_at": _MOMENT_OR_NULL,
        "last_job": _TEXT_OR_NULL,
        "created_at": _MOMENT,
        "changed_at": _MOMENT,
        "edition": {"type": "string", "description": "Another whenever what it does was edited; also the ETag."},
        "version": {"type": "integer", "description": "Rises with every change, also when it fires."},
    },
    description="A rule that makes jobs.",
)
_SCHEDULE["properties"] = {
    **_SCHEDULE["properties"],  # type: ignore[dict-item] # it is one
    "outcomes": {
        **_list("Outcome"),
        "description": "What became of its last jobs, newest first, where one is shown.",
    },
}
_FLOW: dict[str, Document] = {
    "id": _TEXT,
    "created_at": _MOMENT,
    "counts": {"type": "object", "additionalProperties": _COUNT, "description": "Jobs by state, without zeros."},
    "jobs": _COUNT,
    "ended": _COUNT,
    "progress": {"type": "number", "minimum": 0, "maximum": 1, "description": "The share that has ended."},
    "done": {"type": "boolean"},
}

FLOW_SCHEMAS: Document = {
    "Schedule": _SCHEDULE,
    "SchedulePage": record({"items": _list("Schedule"), "next_cursor": _TEXT_OR_NULL}, description="By name."),
    "Outcome": record(
        {
            "id": _TEXT,
            "state": _STATE,
            "tick": _MOMENT_OR_NULL,
            "created_at": _MOMENT,
            "started_at": _MOMENT_OR_NULL,
            "finished_at": _MOMENT_OR_NULL,
            "error": _ERROR,
        },
        description="What became of one job of a schedule.",
    ),
    "Flow": record(_FLOW, description="Jobs that belong together, and how they stand."),
    "FlowPage": record({"items": _list("Flow"), "next_cursor": _TEXT_OR_NULL}, description="Those begun last first."),
    "FlowGraph": record(
        {
            **_FLOW,
            "nodes": _list("FlowNode"),
            "edges": _list("FlowEdge"),
            "complete": {"type": "boolean", "description": "Whether all jobs are among the nodes."},
        },
        description="A flow with its jobs.",
    ),
    "FlowNode": record(
        {
            "id": _TEXT,
            "task": _TEXT,
            "queue": _TEXT,
            "state": _STATE,
            "created_at": _MOMENT,
            "started_at": _MOMENT_OR_NULL,
            "finished_at": _MOMENT_OR_NULL,
            "retry_of": _TEXT_OR_NULL,
        },
        description="One job of a flow.",
    ),
    "FlowEdge": record({"from": _TEXT, "to": _TEXT, "needs": _TEXT}, description="Who follows whom, and what for."),
    "Message": record(
        {"id": _TEXT, "channel": _TEXT, "data": {}, "published_at": _MOMENT, "cursor": _TEXT},
        description="A message that was published.",
    ),
}
