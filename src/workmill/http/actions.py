"""`POST /v1/jobs/actions`: cancel or retry every job that matches a filter."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import Action, App
from workmill.http.answer import json_answer
from workmill.http.body import read_object
from workmill.http.fields import (
    Field,
    Fields,
    flag,
    from_parameter,
    list_of,
    nested,
    object_schema,
    refuse_places,
    text,
    whole,
)
from workmill.http.parameters import CREATED_AFTER, CREATED_BEFORE, QUEUES, STATE, TASK
from workmill.http.preconditions import idempotency_key
from workmill.http.problem import Document
from workmill.http.query import Query

LONGEST_REASON = 1000
SHOWN = 100
"""How many ids and refusals an answer has."""


def _read_action(value: object) -> Action:
    try:
        return Action(value)  # type: ignore[arg-type] # anything else is refused
    except ValueError:
        raise ValueError(f"give one of {', '.join(Action)}") from None


STATES, TASKS, QUEUE_NAMES = list_of(STATE, "states"), list_of(TASK, "tasks"), list_of(QUEUES, "queues")
AFTER, BEFORE = from_parameter(CREATED_AFTER), from_parameter(CREATED_BEFORE)
FILTER = (STATES, TASKS, QUEUE_NAMES, AFTER, BEFORE)


def _read_filter(value: object) -> Fields:
    if not isinstance(value, dict):
        raise ValueError("give an object")  # noqa: TRY004 - what a reader of fields raises
    return Fields(value, FILTER, at="#/filter")


ACTION = Field(
    name="action",
    description="`cancel` what is not over, or `retry` what is: what failed, unless `states` says otherwise.",
    schema={"type": "string", "enum": [str(action) for action in Action]},
    read=_read_action,
    is_required=True,
)
MATCHING = nested("filter", "Which jobs: those that match all that it says.", _read_filter, object_schema(FILTER))
DRY_RUN = flag("dry_run", "Do nothing, and answer what would be done.")
EXPECTED = whole("expected_count", "How many jobs match; needed unless it is a dry run.", least=0)
REASON = text("reason", "Of a cancel: why; it is kept with each job.", most=LONGEST_REASON)
FORCE = flag("force", "Of a cancel: end running jobs without asking them.")
BODY = (ACTION, MATCHING, DRY_RUN, EXPECTED, REASON, FORCE)


async def act_on_jobs(request: Request, app: App) -> Response:
    """Answer what was done, or for a dry run what would be; 409 where another number of jobs matches."""
    Query(request, ())
    fields = Fields(await read_object(request), BODY)
    action, wanted = fields.one(ACTION), fields.one(MATCHING) or Fields({}, FILTER)
    is_dry, expected = fields.one(DRY_RUN) is True, fields.one(EXPECTED)
    if not is_dry and expected is None:
        detail = "say how many there are, as a dry run counts them"
        refuse_places([{"pointer": f"#/{EXPECTED.name}", "detail": detail, "type": "missing"}])
    acted = await app.aact_on_jobs(
        str(action),
        states=wanted.one(STATES) or (),
        tasks=wanted.one(TASKS) or (),
        queues=wanted.one(QUEUE_NAMES) or (),
        created_after=wanted.one(AFTER),
        created_before=wanted.one(BEFORE),
        reason=fields.one(REASON),
        force=fields.one(FORCE) is True,
        expected=expected,
        dry_run=is_dry,
        key=idempotency_key(request),
    )
    body: Document = {
        "action": str(action),
        "dry_run": is_dry,
        "matched": acted.matched,
        "done": 0 if is_dry else len(acted.job_ids),
        "jobs": list(acted.job_ids[:SHOWN]),
        "refused": [{"id": job_id, "detail": why} for job_id, why in acted.refused[:SHOWN]],
    }
    return json_answer(body)


def body_schemas() -> dict[str, Document]:
    """Return the schemas of the bodies that are read here."""
    return {"JobAction": object_schema(BODY)}
