"""The OpenAPI 3.1 document: one typed path for each task, beside the paths that all tasks share."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import AnyTask, App
from workmill.http import actions, batch, body, problem, queues, stream
from workmill.http import flow_operations as flowing
from workmill.http.answer import address, json_answer
from workmill.http.flow_schemas import FLOW_SCHEMAS
from workmill.http.jobs import FILTERS
from workmill.http.operation import (
    BODY_PROBLEMS,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    JOB_HEADERS,
    JOB_LINKS,
    LAST_EVENT_ID,
    PREFER,
    SUBMITTED_HEADERS,
    Operation,
    answer,
    in_path,
    in_query,
    json_body,
)
from workmill.http.parameters import AFTER, FLOW, FOLLOWS, QUEUES, SCHEDULE, STATE, TASK, WAIT
from workmill.http.problem import Document
from workmill.http.query import Query
from workmill.http.rule_operations import rule_operations
from workmill.http.schemas import SCHEMAS, reference
from workmill.http.submit import OPTIONS
from workmill.http.task_schemas import arguments_schema, submitted_schema

_ID = in_path("id", {"type": "string", "format": "uuid"}, "The job's id.")
_EVENTS = (
    "Events `state`, `progress`, `done` with the version as id and the job, or for `progress` a part of it, as data."
)


async def show_openapi(request: Request, app: App, *, has_token: bool) -> Response:
    """Answer `GET /openapi.json`."""
    Query(request, ())
    return json_answer(openapi_document(app, root=address(request, ""), has_token=has_token))


def openapi_document(app: App, *, root: str, has_token: bool) -> Document:
    """Return the document of an application's API that lives under `root`."""
    schemas = {
        **SCHEMAS,
        **FLOW_SCHEMAS,
        **batch.body_schemas(),
        **actions.body_schemas(),
        **queues.body_schemas(),
        **flowing.body_schemas(),
    }
    paths: dict[str, Document] = {}
    for path, method, operation in [
        *_operations(),
        *rule_operations(),
        *flowing.flow_operations(),
        *_submissions(app, schemas),
    ]:
        described = operation.document(_common(operation, method, has_token=has_token))
        paths.setdefault(path, {})[method] = described
    components: Document = {"schemas": schemas}
    document: Document = {
        "openapi": "3.1.0",
        "info": {"title": "Workmill", "version": "1", "description": "Tasks and their jobs."},
        "servers": [{"url": root or "/"}],
        "paths": paths,
        "components": components,
    }
    if has_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _common(operation: Operation, method: str, *, has_token: bool) -> list[problem.Kind]:
    if operation.is_open:
        return []
    kinds = [problem.MALFORMED_REQUEST, problem.WRONG_HOST, problem.INVALID_PARAMETER, problem.STORE_UNAVAILABLE]
    if has_token:
        return [*kinds, problem.UNAUTHENTICATED]
    return kinds if method == "get" else [*kinds, problem.CROSS_SITE_REQUEST, problem.READ_ONLY]


def _operations() -> list[tuple[str, str, Operation]]:
    return [
        ("/v1/tasks", "get", _LIST_TASKS),
        ("/v1/tasks/{task}", "get", _GET_TASK),
        ("/v1/jobs", "get", _LIST_JOBS),
        ("/v1/jobs/{id}", "get", _GET_JOB),
        ("/v1/jobs/{id}/result", "get", _GET_RESULT),
        ("/v1/jobs/{id}/attempts", "get", _LIST_ATTEMPTS),
        ("/v1/jobs/{id}/cancel", "post", _CANCEL_JOB),
        ("/v1/jobs/{id}/retry", "post", _RETRY_JOB),
        ("/v1/jobs/{id}/events", "get", _FOLLOW_JOB),
        ("/v1/counts", "get", _LIST_COUNTS),
        ("/openapi.json", "get", _GET_OPENAPI),
        ("/livez", "get", _GET_LIVENESS),
        ("/readyz", "get", _GET_READINESS),
    ]


def _submissions(app: App, schemas: Document) -> list[tuple[str, str, Operation]]:
    served = [app.tasks[name] for name in sorted(app.tasks) if app.tasks[name].problem is None]
    return [(f"/v1/tasks/{task.name}/jobs", "post", _submission(task, schemas)) for task in served]


def _submission(task: AnyTask, schemas: Document) -> Operation:
    arguments, job = arguments_schema(task, schemas), submitted_schema(task, schemas)
    more: Document = {"headers": SUBMITTED_HEADERS, "links": JOB_LINKS}
    return Operation(
        id=f"submit_{task.name}",
        summary=task.doc.partition("\n")[0] or f"Submit a job of {task.name}.",
        tag="tasks",
        parameters=[*in_query(OPTIONS, repeated=(FOLLOWS,)), PREFER, IDEMPOTENCY_KEY],
        body={"required": bool(arguments.get("required")), "content": {body.MEDIA_TYPE: {"schema": arguments}}},
        answers={
            "200": answer("The job, which has ended, or was there already.", job, **more),
            "202": answer("The job, which will run.", job, **more),
        },
        problems=[
            problem.TASK_NOT_FOUND,
            *BODY_PROBLEMS,
            problem.IDEMPOTENCY_KEY_REUSED,
            problem.UNIQUE_CONFLICT,
            problem.PARENT_NOT_FOUND,
            problem.QUEUE_FULL,
        ],
    )


_LIST_TASKS = Operation(
    id="list_tasks",
    summary="List the registered tasks.",
    tag="tasks",
    answers={"200": answer("The tasks, by name.", reference("TaskList"))},
)
_GET_TASK = Operation(
    id="get_task",
    summary="Show a task and the schemas of its arguments and result.",
    tag="tasks",
    parameters=[in_path("task", {"type": "string"}, "The task's name.")],
    answers={"200": answer("The task.", reference("Task"))},
    problems=[problem.TASK_NOT_FOUND],
)
_LIST_JOBS = Operation(
    id="list_jobs",
    summary="List jobs, newest first.",
    tag="jobs",
    parameters=in_query(FILTERS, repeated=(STATE, TASK, QUEUES, FLOW, SCHEDULE)),
    answers={
        "200": answer(
            "One page of jobs.",
            reference("JobPage"),
            headers={"Link": {"description": 'The next page, `rel="next"`.', "schema": {"type": "string"}}},
        )
    },
    problems=[problem.INVALID_CURSOR],
)
_GET_JOB = Operation(
    id="get_job",
    summary="Show a job: now, when it ends, or when it has changed.",
    tag="jobs",
    parameters=[_ID, *in_query([WAIT]), PREFER, IF_NONE_MATCH],
    answers={
        "200": answer("The job.", reference("Job"), headers=JOB_HEADERS),
        "304": {"description": "It is the version that the client has.", "headers": JOB_HEADERS},
    },
    problems=[problem.JOB_NOT_FOUND],
)
_GET_RESULT = Operation(
    id="get_result",
    summary="Show the result of a job.",
    tag="jobs",
    parameters=[_ID, *in_query([WAIT]), PREFER],
    answers={"200": answer("The result itself.", {}, headers=JOB_HEADERS)},
    problems=[problem.JOB_NOT_FOUND, problem.JOB_NOT_FINISHED, problem.JOB_FAILED, problem.JOB_CANCELLED],
)
_LIST_ATTEMPTS = Operation(
    id="list_attempts",
    summary="List the attempts of a job that are over.",
    tag="jobs",
    parameters=[_ID],
    answers={"200": answer("The attempts, oldest first.", reference("AttemptList"))},
    problems=[problem.JOB_NOT_FOUND],
)
_CANCEL_JOB = Operation(
    id="cancel_job",
    summary="Cancel a job; safe to repeat.",
    tag="jobs",
    parameters=[_ID],
    body=json_body("Cancellation", is_required=False),
    answers={
        "200": answer("The job, which is cancelled.", reference("Job"), headers=JOB_HEADERS),
        "202": answer("The job, whose worker was told to end it.", reference("Job"), headers=JOB_HEADERS),
    },
    problems=[problem.JOB_NOT_FOUND, problem.JOB_ALREADY_FINISHED, *BODY_PROBLEMS],
)
_RETRY_JOB = Operation(
    id="retry_job",
    summary="Run a job that has ended again, as a new job that names it.",
    tag="jobs",
    parameters=[_ID, *in_query([WAIT]), PREFER, IDEMPOTENCY_KEY],
    body=json_body("Repetition", is_required=False),
    answers={
        "200": answer("The new job, which has ended.", reference("Job"), headers=SUBMITTED_HEADERS, links=JOB_LINKS),
        "202": answer("The new job, which will run.", reference("Job"), headers=SUBMITTED_HEADERS, links=JOB_LINKS),
    },
    problems=[
        problem.JOB_NOT_FOUND,
        problem.JOB_NOT_FINISHED,
        *BODY_PROBLEMS,
        problem.IDEMPOTENCY_KEY_REUSED,
        problem.UNIQUE_CONFLICT,
        problem.QUEUE_FULL,
    ],
)
_FOLLOW_JOB = Operation(
    id="follow_job",
    summary="Follow a job to its end by server-sent events.",
    tag="jobs",
    parameters=[_ID, *in_query([AFTER]), LAST_EVENT_ID],
    answers={
        "200": {
            "description": "The job's events, from its present state to its end.",
            "content": {stream.MEDIA_TYPE: {"schema": {"description": _EVENTS}}},
        },
        "204": {"description": "The job has ended and the client knows: do not reconnect."},
    },
    problems=[problem.JOB_NOT_FOUND, problem.NOT_ACCEPTABLE],
)
_LIST_COUNTS = Operation(
    id="list_counts",
    summary="Count the stored jobs by queue, task and state.",
    tag="jobs",
    answers={"200": answer("The counts, without zeros.", reference("CountList"))},
)
_GET_OPENAPI = Operation(
    id="get_openapi",
    summary="Show this document.",
    tag="server",
    answers={"200": answer("An OpenAPI 3.1 document.", {"type": "object"})},
)
_GET_LIVENESS = Operation(
    id="get_liveness",
    summary="Say that the process answers.",
    tag="server",
    answers={"200": answer("It does.", reference("Alive"))},
    is_open=True,
)
_GET_READINESS = Operation(
    id="get_readiness",
    summary="Say whether the store answers.",
    tag="server",
    answers={"200": answer("It does.", reference("Ready"))},
    is_open=True,
    problems=[problem.STORE_UNAVAILABLE],
)
