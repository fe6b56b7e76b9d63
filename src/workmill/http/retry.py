"""`POST /v1/jobs/{id}/retry`: run a job that has ended again, as a new one."""

from starlette.requests import Request
from starlette.responses import Response

from workmill import App, InvalidArguments, JobConflict, UniqueConflict
from workmill.http.body import read_object
from workmill.http.parameters import WAIT
from workmill.http.preconditions import idempotency_key
from workmill.http.problem import (
    IDEMPOTENCY_KEY_REUSED,
    JOB_NOT_FINISHED,
    VALIDATION_FAILED,
    Document,
    Problem,
)
from workmill.http.query import Query
from workmill.http.submit import accepted, error_place
from workmill.http.waiting import requested_wait, wait_for_job

ARGUMENTS = "arguments"


async def retry_job(request: Request, app: App) -> Response:
    """Answer 202 with the new job, or 200 where it has ended: within the wait, or before, under the same key."""
    wait = requested_wait(request, Query(request, (WAIT,)))
    key = idempotency_key(request)
    arguments = _arguments(await read_object(request))
    old = await app.ajob(request.path_params["id"])
    if not old.done:
        members = {"id": old.id, "state": str(old.state)}
        detail = f"job {old.id} is {old.state}: wait for its end, or cancel it first"
        raise Problem(JOB_NOT_FINISHED, detail, members=members)
    try:
        new = await old.aretry(arguments=arguments, key=key)
    except InvalidArguments as error:
        raise _refusal(error) from None
    except UniqueConflict:
        raise
    except JobConflict as error:
        detail = f"this Idempotency-Key belongs to job {error.job_id}, which is another call: choose another"
        raise Problem(IDEMPOTENCY_KEY_REUSED, detail, members={"id": error.job_id}) from None
    job = new.record
    if wait.seconds and not job.state.is_final:
        job = await wait_for_job(request, app, job.id, wait)
    is_replayed = not new.created and key is not None and job.key == key
    return accepted(request, job, wait, created=new.created, is_replayed=is_replayed)


def _arguments(body: Document) -> Document | None:
    """Return the arguments in the body, or None where the old job's are to be taken."""
    arguments = body.pop(ARGUMENTS, None)
    wrong = [
        {"pointer": f"#/{name}", "detail": f"only `{ARGUMENTS}` is known here", "type": "extra_forbidden"}
        for name in body
    ]
    if arguments is not None and not isinstance(arguments, dict):
        detail = "give a JSON object, all arguments by name"
        wrong.append({"pointer": f"#/{ARGUMENTS}", "detail": detail, "type": "object_type"})
    if wrong:
        said = "; ".join(f"{each['pointer']}: {each['detail']}" for each in wrong)
        raise Problem(VALIDATION_FAILED, f"the body does not match: {said}", errors=wrong)
    return arguments if isinstance(arguments, dict) else None


def _refusal(error: InvalidArguments) -> Problem:
    """Return the refusal of arguments, with the places as they are in this body."""
    places = [error_place(each) for each in error.errors]
    errors = [{**place, "pointer": f"#/{ARGUMENTS}{str(place['pointer'])[1:]}"} for place in places]
    return Problem(VALIDATION_FAILED, str(error), errors=errors, members={"task": error.task})
