"""The operations on queues, limits and many jobs, as OpenAPI has them."""

from workmill import Scope
from workmill.http import problem
from workmill.http.operation import BODY_PROBLEMS, IDEMPOTENCY_KEY, Operation, answer, in_path, json_body
from workmill.http.problem import Document
from workmill.http.schemas import reference

_ID = in_path("id", {"type": "string", "format": "uuid"}, "The job's id.")
_NAME: Document = {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"}
_QUEUE = in_path("queue", _NAME, "The queue's name.")
_SCOPE = in_path("scope", {"type": "string", "enum": [str(scope) for scope in Scope]}, "What the limit is about.")
_LIMIT = in_path("name", _NAME, "The queue's or the task's name, or that of a limit about keys.")


def rule_operations() -> list[tuple[str, str, Operation]]:
    """Return the operations by path and method."""
    return [
        ("/v1/jobs/batch", "post", _SUBMIT_BATCH),
        ("/v1/jobs/actions", "post", _ACT_ON_JOBS),
        ("/v1/jobs/{id}/why", "get", _GET_WHY),
        ("/v1/queues", "get", _LIST_QUEUES),
        ("/v1/queues/{queue}", "get", _GET_QUEUE),
        ("/v1/queues/{queue}/pause", "post", _PAUSE_QUEUE),
        ("/v1/queues/{queue}/resume", "post", _RESUME_QUEUE),
        ("/v1/queues/{queue}/purge", "post", _PURGE_QUEUE),
        ("/v1/limits", "get", _LIST_LIMITS),
        ("/v1/limits/{scope}/{name}", "put", _PUT_LIMIT),
        ("/v1/limits/{scope}/{name}", "delete", _RESET_LIMIT),
    ]


_RETRY_KEY: Document = {
    **IDEMPOTENCY_KEY,
    "description": "Of a retry: to act again with this key makes no job twice.",
}
_SUBMIT_BATCH = Operation(
    id="submit_batch",
    summary="Submit up to 1,000 jobs, all or none.",
    tag="jobs",
    body=json_body("JobBatch", is_required=True),
    answers={"202": answer("The jobs.", reference("StoredBatch"))},
    problems=[
        *BODY_PROBLEMS,
        problem.IDEMPOTENCY_KEY_REUSED,
        problem.UNIQUE_CONFLICT,
        problem.PARENT_NOT_FOUND,
        problem.QUEUE_FULL,
    ],
)
_ACT_ON_JOBS = Operation(
    id="act_on_jobs",
    summary="Cancel or retry every job that matches a filter.",
    tag="jobs",
    parameters=[_RETRY_KEY],
    body=json_body("JobAction", is_required=True),
    answers={"200": answer("What was done, or would be.", reference("Acted"))},
    problems=[*BODY_PROBLEMS, problem.COUNT_CHANGED, problem.QUEUE_FULL],
)
_GET_WHY = Operation(
    id="get_why",
    summary="Say why a job does not run.",
    tag="jobs",
    parameters=[_ID],
    answers={"200": answer("The reason.", reference("Why"))},
    problems=[problem.JOB_NOT_FOUND],
)
_LIST_QUEUES = Operation(
    id="list_queues",
    summary="List the queues and how they stand.",
    tag="queues",
    answers={"200": answer("The queues, by name.", reference("QueueList"))},
)
_GET_QUEUE = Operation(
    id="get_queue",
    summary="Show how a queue stands.",
    tag="queues",
    parameters=[_QUEUE],
    answers={"200": answer("The queue.", reference("Queue"))},
)
_PAUSE_QUEUE = Operation(
    id="pause_queue",
    summary="Let no job on a queue begin; safe to repeat.",
    tag="queues",
    parameters=[_QUEUE],
    body=json_body("QueuePause", is_required=False),
    answers={"200": answer("The queue.", reference("Queue"))},
    problems=BODY_PROBLEMS,
)
_RESUME_QUEUE = Operation(
    id="resume_queue",
    summary="Undo a pause; safe to repeat.",
    tag="queues",
    parameters=[_QUEUE],
    body=json_body("QueueResume", is_required=False),
    answers={"200": answer("The queue.", reference("Queue"))},
    problems=BODY_PROBLEMS,
)
_PURGE_QUEUE = Operation(
    id="purge_queue",
    summary="Cancel every job on a queue that has not begun.",
    tag="queues",
    parameters=[_QUEUE],
    body=json_body("QueuePurge", is_required=True),
    answers={"200": answer("How many were cancelled.", reference("Purged"))},
    problems=[*BODY_PROBLEMS, problem.COUNT_CHANGED],
)
_LIST_LIMITS = Operation(
    id="list_limits",
    summary="List the rules in force.",
    tag="queues",
    answers={"200": answer("The rules, by scope and name.", reference("LimitList"))},
)
_PUT_LIMIT = Operation(
    id="put_limit",
    summary="Set by hand what holds for a queue, a task, or each key of one name.",
    tag="queues",
    parameters=[_SCOPE, _LIMIT],
    body=json_body("NewLimit", is_required=False),
    answers={"200": answer("What holds now.", reference("LimitList"))},
    problems=BODY_PROBLEMS,
)
_RESET_LIMIT = Operation(
    id="reset_limit",
    summary="Undo what was set by hand; safe to repeat.",
    tag="queues",
    parameters=[_SCOPE, _LIMIT],
    answers={"200": answer("What holds now.", reference("LimitList"))},
)
