"""`POST /v1/tasks/{task}/jobs`: the body is the arguments, all else stands in the query and the headers."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import AnyTask, App, ArgumentError, InvalidArguments, Job, JobConflict, UniqueConflict
from workmill.http.answer import address, job_answer
from workmill.http.body import read_json
from workmill.http.parameters import DELAY, EXPIRES, FOLLOWS, NEEDS, PRIORITY, QUEUE, RUN_AT, WAIT
from workmill.http.preconditions import idempotency_key
from workmill.http.problem import (
    IDEMPOTENCY_KEY_REUSED,
    MALFORMED_JSON,
    VALIDATION_FAILED,
    Document,
    Problem,
    invalid_parameter,
)
from workmill.http.query import Query
from workmill.http.waiting import Wait, requested_wait, wait_for_job

OPTIONS = (QUEUE, PRIORITY, RUN_AT, DELAY, EXPIRES, FOLLOWS, NEEDS, WAIT)


async def submit_job(request: Request, app: App) -> Response:
    """Answer 202 with the job, or 200 where it has ended or was there: within the wait, or before, under its key."""
    task = app.task_named(request.path_params["task"])
    query = Query(request, OPTIONS)
    wait = requested_wait(request, query)
    chosen = _with_options(task, query, idempotency_key(request))
    job, created = await _enqueue(chosen, await read_json(request))
    if wait.seconds and not job.state.is_final:
        job = await wait_for_job(request, app, job.id, wait)
    is_replayed = not created and chosen.options.key is not None and job.key == chosen.options.key
    return accepted(request, job, wait, created=created, is_replayed=is_replayed)


def _with_options(task: AnyTask, query: Query, key: str | None) -> AnyTask:
    delay, run_at = query.one(DELAY), query.one(RUN_AT)
    if delay is not None and run_at is not None:
        raise invalid_parameter(DELAY.name, f"{delay:g}", "give either delay or run_at")
    return task.using(
        queue=query.one(QUEUE),
        priority=query.one(PRIORITY),
        delay=delay,
        run_after=run_at,
        expires=query.one(EXPIRES),
        after=query.many(FOLLOWS) or None,
        needs=query.one(NEEDS),
        key=key,
    )


async def _enqueue(task: AnyTask, raw: bytes) -> tuple[Job, bool]:
    try:
        handle = await task.aenqueue_json(raw)
    except InvalidArguments as error:
        raise _refusal(error) from None
    except UniqueConflict:
        raise
    except JobConflict as error:
        detail = f"this Idempotency-Key belongs to job {error.job_id} with other arguments: choose another"
        raise Problem(IDEMPOTENCY_KEY_REUSED, detail, members={"id": error.job_id}) from None
    return handle.record, handle.created


def _refusal(error: InvalidArguments) -> Problem:
    """Return the refusal of a body: 400 where it is no JSON at all, else 422 with each wrong place."""
    errors = [error_place(each) for each in error.errors]
    malformed = [each.detail for each in error.errors if each.type == "json_invalid"]
    if malformed:
        return Problem(MALFORMED_JSON, f"the body is {malformed[0]}", errors=errors, members={"task": error.task})
    return Problem(VALIDATION_FAILED, str(error), errors=errors, members={"task": error.task})


def error_place(error: ArgumentError) -> Document:
    """Return one wrong place as a problem has it."""
    place: Document = {"pointer": error.pointer, "detail": error.detail, "type": error.type}
    return {**place, "given": error.given} if error.given else place


def accepted(request: Request, job: Job, wait: Wait, *, created: bool, is_replayed: bool) -> Response:
    """Return the answer to a job that is stored: 202, or 200 where it has ended, or stands where no second one may."""
    headers = {"Location": address(request, f"/v1/jobs/{job.id}"), **wait.headers}
    if is_replayed:
        headers["Idempotent-Replayed"] = "true"
    is_new = created or is_replayed
    return job_answer(job, status=202 if is_new and not job.state.is_final else 200, headers=headers)
