"""`POST /v1/jobs/batch`: many jobs in one transaction, all or none."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import (
    App,
    InvalidArguments,
    InvalidOption,
    JobConflict,
    NewJob,
    UniqueConflict,
    UnknownTask,
    job_document,
)
from workmill.http.answer import dump, json_answer
from workmill.http.body import read_object
from workmill.http.fields import (
    Field,
    Fields,
    from_parameter,
    is_storable,
    list_of,
    nested,
    object_schema,
    refuse_places,
    seconds,
    whole,
)
from workmill.http.parameters import (
    FOLLOWS,
    HIGHEST_PRIORITY,
    LONGEST_DELAY_SECONDS,
    LOWEST_PRIORITY,
    NEEDS,
    QUEUE,
    RUN_AT,
)
from workmill.http.preconditions import KEY_LENGTH
from workmill.http.problem import IDEMPOTENCY_KEY_REUSED, Document, Problem
from workmill.http.query import Query
from workmill.http.schemas import reference
from workmill.http.submit import error_place

MOST_JOBS = 1000
MOST_PLACES = 100
"""How many wrong places are told."""


def _read_args(value: object) -> Document:
    if not isinstance(value, dict):
        raise ValueError("give an object, the arguments by name")  # noqa: TRY004 - what a reader of fields raises
    return value


def _read_key(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= KEY_LENGTH or not (value.isascii() and value.isprintable()):
        raise ValueError(f"use 1 to {KEY_LENGTH} printable ASCII characters")
    return value


def _read_task(value: object) -> str:
    if not isinstance(value, str) or not value or not is_storable(value):
        raise ValueError("give the name of a task")
    return value


TASK_NAME = Field(
    name="task",
    description="The task.",
    schema={"type": "string", "minLength": 1},
    read=_read_task,
    is_required=True,
)
ARGS = nested("args", "The arguments by name.", _read_args, {"type": "object"})
QUEUE_NAME, AT, NEEDED = from_parameter(QUEUE), from_parameter(RUN_AT), from_parameter(NEEDS)
PRIORITY = whole("priority", "Higher runs first.", least=LOWEST_PRIORITY, most=HIGHEST_PRIORITY)
DELAY = seconds(
    "delay", "Do not start before this many seconds from now; not together with `run_at`.", most=LONGEST_DELAY_SECONDS
)
EXPIRES = seconds(
    "expires", "Cancel the job if it has not begun so long after.", most=LONGEST_DELAY_SECONDS, above_zero=True
)
AFTER = list_of(FOLLOWS, "after")
KEY = Field(
    name="key",
    description="Its idempotency key.",
    schema={"type": "string", "minLength": 1, "maxLength": KEY_LENGTH, "pattern": "^[ -~]*$"},
    read=_read_key,
)
JOB = (TASK_NAME, ARGS, QUEUE_NAME, PRIORITY, AT, DELAY, EXPIRES, AFTER, NEEDED, KEY)


def _read_jobs(value: object) -> list[object]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_JOBS:
        raise ValueError(f"give a list of 1 to {MOST_JOBS:,} jobs")
    return value


JOBS = Field(
    name="jobs",
    description="The jobs, in the order in which they are stored.",
    schema={"type": "array", "minItems": 1, "maxItems": MOST_JOBS, "items": reference("NewJob")},
    read=_read_jobs,
    is_required=True,
)
BODY = (JOBS,)


async def submit_batch(request: Request, app: App) -> Response:
    """Answer 202 with all the jobs, or refuse all of them."""
    Query(request, ())
    given = Fields(await read_object(request), BODY).one(JOBS) or []
    jobs, wrong = [], list[Document]()
    for number, each in enumerate(given):
        made = _job(app, each, f"#/jobs/{number}")
        if isinstance(made, NewJob):
            jobs.append(made)
        else:
            wrong += made
    refuse_places(wrong[:MOST_PLACES])
    try:
        handles = await app.aenqueue_many(jobs)
    except UniqueConflict:
        raise
    except JobConflict as error:
        detail = f"a key belongs to job {error.job_id} with other arguments: choose another"
        raise Problem(IDEMPOTENCY_KEY_REUSED, detail, members={"id": error.job_id}) from None
    items = [{"created": handle.created, "job": job_document(handle.record)} for handle in handles]
    return json_answer({"items": items}, status=202)


def _job(app: App, given: object, at: str) -> NewJob | list[Document]:
    """Return one job, or what is wrong with it."""
    if not isinstance(given, dict):
        return [{"pointer": at, "detail": "give a JSON object", "type": "object_type"}]
    try:
        return _made(app, Fields(given, JOB, at=at))
    except UnknownTask as error:
        return [{"pointer": f"{at}/task", "detail": str(error), "type": "task-not-found"}]
    except InvalidArguments as error:
        return [_argument(error_place(each), f"{at}/args") for each in error.errors]
    except InvalidOption as error:
        return [{"pointer": f"{at}/{error.option}", "detail": error.remedy, "type": "value_error"}]
    except Problem as problem:
        return [dict(each) for each in problem.errors]


def _made(app: App, fields: Fields) -> NewJob:
    task = app.task_named(str(fields.one(TASK_NAME)))
    run_at, delay = fields.one(AT), fields.one(DELAY)
    if run_at is not None and delay is not None:
        raise InvalidOption("delay", delay, "give either delay or run_at")
    chosen = task.using(
        queue=fields.one(QUEUE_NAME),
        priority=fields.one(PRIORITY),
        run_after=run_at,
        delay=delay,
        expires=fields.one(EXPIRES),
        after=fields.one(AFTER) or None,
        needs=fields.one(NEEDED),
        key=fields.one(KEY),
    )
    return chosen.job_from_json(dump(fields.one(ARGS) or {}))


def _argument(place: Document, at: str) -> Document:
    return {**place, "pointer": f"{at}{str(place['pointer'])[1:]}"}


def body_schemas() -> dict[str, Document]:
    """Return the schemas of the bodies that are read here."""
    return {"NewJob": object_schema(JOB), "JobBatch": object_schema(BODY)}
