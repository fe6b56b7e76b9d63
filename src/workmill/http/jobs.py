"""What can be asked of stored jobs: list, show, result, attempts, cancel, counts."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, Job, JobConflict, JobState, attempt_document, job_document
from workmill.http.answer import MEDIA_TYPE, address, job_answer, job_headers, json_answer, retry_after
from workmill.http.body import read_object
from workmill.http.parameters import (
    CREATED_AFTER,
    CREATED_BEFORE,
    CURSOR,
    FLOW,
    LIMIT,
    QUEUES,
    SCHEDULE,
    STATE,
    TASK,
    USUAL_PAGE,
    WAIT,
)
from workmill.http.preconditions import none_match
from workmill.http.problem import (
    JOB_ALREADY_FINISHED,
    JOB_CANCELLED,
    JOB_FAILED,
    JOB_NOT_FINISHED,
    VALIDATION_FAILED,
    Document,
    Problem,
)
from workmill.http.query import Query
from workmill.http.waiting import requested_wait, wait_for_job

LONGEST_REASON = 1000
FILTERS = (STATE, TASK, QUEUES, FLOW, SCHEDULE, CREATED_AFTER, CREATED_BEFORE, LIMIT, CURSOR)


async def list_jobs(request: Request, app: App) -> Response:
    """Answer `GET /v1/jobs`."""
    query = Query(request, FILTERS)
    page = await app.ajobs(
        states=query.many(STATE),
        tasks=query.many(TASK),
        queues=query.many(QUEUES),
        flows=query.many(FLOW),
        schedules=query.many(SCHEDULE),
        created_after=query.one(CREATED_AFTER),
        created_before=query.one(CREATED_BEFORE),
        limit=query.one(LIMIT) or USUAL_PAGE,
        cursor=query.one(CURSOR),
    )
    body = {"items": [job_document(job) for job in page.jobs], "next_cursor": page.next_cursor}
    return json_answer(body, headers=_next_page(request, page.next_cursor))


async def show_job(request: Request, app: App) -> Response:
    """Answer `GET /v1/jobs/{id}`: at once, when it ends, or when it is no longer the version that the client has."""
    wait = requested_wait(request, Query(request, (WAIT,)))
    known = none_match(request)
    job = await wait_for_job(request, app, _id(request), wait, unless=known)
    if known is not None and known.match(job.version):
        return Response(status_code=304, headers=job_headers(job) | wait.headers)
    return job_answer(job, headers=wait.headers)


async def show_result(request: Request, app: App) -> Response:
    """Answer `GET /v1/jobs/{id}/result` with the very bytes that are stored."""
    wait = requested_wait(request, Query(request, (WAIT,)))
    job = await wait_for_job(request, app, _id(request), wait)
    headers = job_headers(job) | wait.headers
    match job.state:
        case JobState.SUCCEEDED:
            return Response(job.result, headers=headers, media_type=MEDIA_TYPE)
        case JobState.FAILED:
            members = {"id": job.id, "error": job_document(job)["error"]}
            raise Problem(JOB_FAILED, _why_failed(job), members=members, headers=headers)
        case JobState.CANCELLED:
            members = {"id": job.id, "cancel_reason": job.cancel_reason}
            detail = f"job {job.id} was cancelled: {job.cancel_reason or 'no reason was given'}"
            raise Problem(JOB_CANCELLED, detail, members=members, headers=headers)
        case _:
            members = {"id": job.id, "state": str(job.state)}
            detail = f"job {job.id} is {job.state}: ask again, or wait for it with `?wait=`"
            raise Problem(JOB_NOT_FINISHED, detail, members=members, headers=headers | retry_after(job))


async def list_attempts(request: Request, app: App) -> Response:
    """Answer `GET /v1/jobs/{id}/attempts`."""
    Query(request, ())
    handle = await app.ajob(_id(request))
    return json_answer({"items": [attempt_document(attempt) for attempt in await handle.aattempts()]})


async def cancel_job(request: Request, app: App) -> Response:
    """Answer `POST /v1/jobs/{id}/cancel`: 200 when it is cancelled, 202 when its worker was told to end it."""
    Query(request, ())
    reason, force = _cancellation(await read_object(request))
    handle = await app.ajob(_id(request))
    try:
        await handle.acancel(reason, force=force)
    except JobConflict as conflict:
        await handle.arefresh()
        members = {"id": handle.id, "state": str(handle.state)}
        raise Problem(JOB_ALREADY_FINISHED, str(conflict), members=members) from None
    return job_answer(handle.record, status=200 if handle.done else 202)


async def list_counts(request: Request, app: App) -> Response:
    """Answer `GET /v1/counts`."""
    Query(request, ())
    counts = await app.acounts()
    items = [
        {"queue": count.queue, "task": count.task, "state": str(count.state), "jobs": count.jobs} for count in counts
    ]
    return json_answer({"items": items})


def _id(request: Request) -> str:
    job_id: str = request.path_params["id"]
    return job_id


def _next_page(request: Request, cursor: str | None) -> dict[str, str]:
    if cursor is None:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != CURSOR.name]
    query = urlencode([*kept, (CURSOR.name, cursor)])
    return {"Link": f'<{address(request, "/v1/jobs")}?{query}>; rel="next"'}


def _why_failed(job: Job) -> str:
    said = "no error was recorded" if job.failure is None else f"{job.failure.type}: {job.failure.message}"
    return f"job {job.id} failed: {said}"


def _cancellation(body: Document) -> tuple[str | None, bool]:
    """Return the reason of a cancel, and whether it is forced."""
    reason, force = body.pop("reason", None), body.pop("force", False)
    detail = "only `reason` and `force` are known here"
    wrong = [{"pointer": f"#/{name}", "detail": detail, "type": "extra_forbidden"} for name in body]
    if not isinstance(force, bool):
        wrong.append({"pointer": "#/force", "detail": "give true or false", "type": "bool_type"})
    if reason is not None and not (isinstance(reason, str) and len(reason) <= LONGEST_REASON and _is_text(reason)):
        detail = f"give a text of at most {LONGEST_REASON} characters"
        wrong.append({"pointer": "#/reason", "detail": detail, "type": "string_type"})
    if wrong:
        said = "; ".join(f"{each['pointer']}: {each['detail']}" for each in wrong)
        raise Problem(VALIDATION_FAILED, f"the body does not match: {said}", errors=wrong)
    return reason if isinstance(reason, str) else None, force is True


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8 and stored anywhere: no lone surrogate, no NUL."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
