"""One job: its state and why, its timeline, what went in and what came out, and what can be done about it."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from workmill import App, InvalidArguments, JobConflict, JobHandle, UnknownTask, job_document
from workmill.dashboard.access import Access
from workmill.dashboard.arguments import ArgumentForm, asked_again, form_for
from workmill.dashboard.body import read_form
from workmill.dashboard.door import Door
from workmill.dashboard.elsewhere import calls_of
from workmill.dashboard.once import CONTROL, key_of, new_word
from workmill.dashboard.route import Route
from workmill.dashboard.said import said
from workmill.dashboard.timeline import timeline
from workmill.dashboard.typed import words
from workmill.dashboard.values import json_block, parts_of


async def show_job(request: Request, door: Door) -> Response:
    """Answer `GET /jobs/{id}`."""
    handle = await door.app.ajob(request.path_params["id"])
    job, document = handle.record, job_document(handle.record)
    workers = {worker.id: worker.name for worker in await door.app.aworkers()}
    values = {
        "section": "jobs",
        "said": said(request),
        "job": job,
        "why": "" if job.state.is_final else (await handle.awhy()).sentence,
        "parts_of": parts_of,
        "steps": timeline(job, await handle.aattempts(), workers),
        "args": json_block(document["args"]),
        "calls": calls_of(job.task, document["args"]),
        "result": None if job.result is None else json_block(document["result"]),
        "once": {CONTROL: new_word()},
        "is_known": job.task in door.app.tasks,
        "worker_name": workers.get(job.worker or "", job.worker),
    }
    return door.render(request, "job.html", values)


async def download_result(request: Request, door: Door) -> Response:
    """Answer `GET /jobs/{id}/result`: the result as it is stored, as a file."""
    job = (await door.app.ajob(request.path_params["id"])).record
    if job.result is None:
        raise HTTPException(404)
    headers = {"Content-Disposition": f'attachment; filename="{job.id}.json"'}
    return Response(job.result, media_type="application/json", headers=headers)


async def cancel_job(request: Request, door: Door) -> Response:
    """Answer `POST /jobs/{id}/cancel`."""
    form = await read_form(request)
    handle = await door.app.ajob(request.path_params["id"])
    await handle.acancel(words(form.one("reason")), force=bool(form.one("force")))
    word = "cancelled" if handle.done else "cancel-asked"
    return door.redirect(request, "job", id=handle.id, query={"said": word})


async def retry_job(request: Request, door: Door) -> Response:
    """Answer `POST /jobs/{id}/retry`: as it was; the same button pressed twice gives one job."""
    form = await read_form(request)
    handle = await door.app.ajob(request.path_params["id"])
    new = await handle.aretry(key=key_of(form.one(CONTROL)))
    return door.redirect(request, "job", id=new.id, query={"said": "retried" if new.created else "known"})


async def edit_job(request: Request, door: Door) -> Response:
    """Answer `GET /jobs/{id}/edit`: the job's arguments, to be changed before they are run again."""
    handle = await door.app.ajob(request.path_params["id"])
    args = job_document(handle.record)["args"]
    form = form_for(_schema(door.app, handle), args, as_json=bool(request.query_params.get("as")))
    return _shown(request, door, handle, form)


async def run_edited(request: Request, door: Door) -> Response:
    """Answer `POST /jobs/{id}/edit`: run it again with other arguments, or change the form."""
    sent = await read_form(request)
    handle = await door.app.ajob(request.path_params["id"])
    form, arguments = asked_again(_schema(door.app, handle), sent.controls)
    if arguments is None:
        return _shown(request, door, handle, form, status=422 if form.places else 200)
    try:
        new = await handle.aretry(arguments=arguments)
    except InvalidArguments as error:
        return _shown(request, door, handle, form.refused(error.errors), status=422)
    except JobConflict as error:
        return _shown(request, door, handle, form, refusal=str(error), status=409)
    return door.redirect(request, "job", id=new.id, query={"said": "retried" if new.created else "known"})


def _shown(
    request: Request,
    door: Door,
    handle: JobHandle[object],
    form: ArgumentForm,
    *,
    refusal: str = "",
    status: int = 200,
) -> Response:
    values = {"section": "jobs", "job": handle.record, "form_now": form, "refusal": refusal}
    return door.render(request, "job_edit.html", values, status=status)


def _schema(app: App, handle: JobHandle[object]) -> Mapping[str, object] | None:
    """Return the schema of a job's arguments; None where its task is not known here."""
    try:
        task = app.task_named(handle.record.task)
    except UnknownTask:
        return None
    return None if task.problem else task.schema


ROUTES = (
    Route(method="GET", path="/jobs/{id}", name="job", needs=Access.READ, handler=show_job),
    Route(method="GET", path="/jobs/{id}/result", name="job_result", needs=Access.READ, handler=download_result),
    Route(method="POST", path="/jobs/{id}/cancel", name="job_cancel", needs=Access.OPERATE, handler=cancel_job),
    Route(method="POST", path="/jobs/{id}/retry", name="job_retry", needs=Access.OPERATE, handler=retry_job),
    Route(method="GET", path="/jobs/{id}/edit", name="job_edit", needs=Access.OPERATE, handler=edit_job),
    Route(method="POST", path="/jobs/{id}/edit", name="job_edit", needs=Access.OPERATE, handler=run_edited),
)
