"""Every query parameter of the API."""

import uuid

from workmill import JobState, Needs
from workmill.http.problem import Document
from workmill.http.query import Parameter, read_integer, read_moment, read_name, read_seconds, read_text

LONGEST_PAGE = 200
USUAL_PAGE = 50
LOWEST_PRIORITY, HIGHEST_PRIORITY = -100, 100
LONGEST_DELAY_SECONDS = 100 * 366 * 86400
LONGEST_WAIT_SECONDS = 60.0
"""Below the time after which common proxies give up."""

_TEXT: Document = {"type": "string", "minLength": 1}
_NAME: Document = {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"}
_MOMENT: Document = {"type": "string", "format": "date-time"}
_SECONDS: Document = {"type": "number", "minimum": 0}


def _read_state(text: str) -> JobState:
    try:
        return JobState(text)
    except ValueError:
        raise ValueError(f"give one of {', '.join(JobState)}") from None


def _read_limit(text: str) -> int:
    return read_integer(text, least=1, most=LONGEST_PAGE)


def _read_priority(text: str) -> int:
    return read_integer(text, least=LOWEST_PRIORITY, most=HIGHEST_PRIORITY)


def _read_delay(text: str) -> float:
    return read_seconds(text, most=LONGEST_DELAY_SECONDS)


def _read_expires(text: str) -> float:
    seconds = read_seconds(text, most=LONGEST_DELAY_SECONDS)
    if not seconds:
        raise ValueError("give more than 0 seconds")
    return seconds


def _read_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError("give the id of a job") from None


def _read_needs(text: str) -> Needs:
    try:
        return Needs(text)
    except ValueError:
        raise ValueError(f"give one of {', '.join(Needs)}") from None


STATE = Parameter(
    name="state",
    description="A state; repeat it for jobs in any of several.",
    schema={"type": "string", "enum": [str(state) for state in JobState]},
    read=_read_state,
)
TASK = Parameter(name="task", description="A task; repeat it for several.", schema=_NAME, read=read_name)
QUEUES = Parameter(name="queue", description="A queue; repeat it for several.", schema=_NAME, read=read_name)
FLOW = Parameter(name="flow", description="A flow; repeat it for several.", schema=_NAME, read=read_name)
SCHEDULE = Parameter(name="schedule", description="A schedule; repeat it for several.", schema=_NAME, read=read_name)
CREATED_AFTER = Parameter(
    name="created_after", description="Only jobs created after this moment.", schema=_MOMENT, read=read_moment
)
CREATED_BEFORE = Parameter(
    name="created_before", description="Only jobs created before this moment.", schema=_MOMENT, read=read_moment
)
LIMIT = Parameter(
    name="limit",
    description="How many jobs a page has.",
    schema={"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": USUAL_PAGE},
    read=_read_limit,
)
CURSOR = Parameter(
    name="cursor",
    description="The `next_cursor` of a page: where the next one begins.",
    schema=_TEXT,
    read=read_text,
)

QUEUE = Parameter(name="queue", description="The queue to go to, in place of the task's.", schema=_NAME, read=read_name)
PRIORITY = Parameter(
    name="priority",
    description="Higher runs first.",
    schema={"type": "integer", "minimum": LOWEST_PRIORITY, "maximum": HIGHEST_PRIORITY},
    read=_read_priority,
)
RUN_AT = Parameter(name="run_at", description="Do not start before this moment.", schema=_MOMENT, read=read_moment)
DELAY = Parameter(
    name="delay",
    description="Do not start before this many seconds from now; not together with `run_at`.",
    schema={**_SECONDS, "maximum": LONGEST_DELAY_SECONDS},
    read=_read_delay,
)
EXPIRES = Parameter(
    name="expires",
    description="Cancel the job if it has not begun this many seconds after it was stored, or after `run_at`.",
    schema={"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_DELAY_SECONDS},
    read=_read_expires,
)
FOLLOWS = Parameter(
    name="after",
    description="The id of a job to follow: this one begins when that one is over; repeat it for several.",
    schema={"type": "string", "format": "uuid"},
    read=_read_id,
)
NEEDS = Parameter(
    name="needs",
    description="What must become of the jobs to follow: that all succeed, that all end, or that one fails.",
    schema={"type": "string", "enum": [str(needs) for needs in Needs]},
    read=_read_needs,
)
WAIT = Parameter(
    name="wait",
    description=f"Seconds to wait for the job before answering, cut to {LONGEST_WAIT_SECONDS:g}; goes before `Prefer`.",
    schema=_SECONDS,
    read=read_seconds,
)
AFTER = Parameter(
    name="after",
    description="The id of the last event seen, for clients that cannot send `Last-Event-ID`.",
    schema=_TEXT,
    read=read_text,
)
