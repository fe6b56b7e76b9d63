"""The web half: it starts the task, asks about it, and cancels it. It never works itself."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from examples.one_at_a_time.tasks import Manner, Seconds, long_task
from examples.one_at_a_time.tasks import app as mill
from workmill import Job, JobHandle, JobNotFound, JobState, StoreUnavailable, UniqueConflict

HERE = Path(__file__).resolve().parent
HOSTS = "ONE_AT_A_TIME_HOSTS"
LOCAL_HOSTS = "localhost 127.0.0.1 ::1"
BUSY = "A task is already being executed"
NONE_YET = "No task has been executed yet"
NONE_RUNS = "No task is being executed"
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Started(BaseModel):
    """A task that stands in the queue, or runs already."""

    id: str
    status: JobState


class Status(Started):
    """How a task stands: its value when it succeeded, and what went wrong when it did not."""

    result: object = None


def create_app() -> FastAPI:
    """Return the FastAPI application. `ONE_AT_A_TIME_HOSTS` lists the host names that it is served by, if not local."""
    api = FastAPI(title="One task at a time", docs_url=None, redoc_url=None)
    api.middleware("http")(_guard)
    api.add_exception_handler(StoreUnavailable, _answer_unavailable)
    api.get("/", include_in_schema=False)(page)
    api.get("/start")(start)
    api.get("/status")(status)
    api.post("/cancel")(cancel)
    api.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    return api


async def page() -> FileResponse:
    """Answer the page."""
    return FileResponse(HERE / "templates" / "page.html")


async def start(seconds: Annotated[Seconds, Query()] = 10.0, manner: Manner = Manner.WORK) -> Started:
    """Start the task, unless it stands in the queue or runs: the store itself lets no second one in."""
    try:
        job = await long_task.aenqueue(seconds=seconds, manner=manner)
    except UniqueConflict as conflict:
        raise HTTPException(400, BUSY) from conflict
    return Started(id=job.id, status=job.state)


async def status(task_id: str | None = None) -> Status:
    """Say how a task stands: the one named, or the present, or the last."""
    job = await _job(task_id)
    return Status(id=job.id, status=job.state, result=_result(job.record))


async def cancel(task_id: str | None = None) -> Started:
    """End a task now, even one that never yields: its process is killed. One that has ended stays as it is."""
    job = await _job(task_id)
    if task_id is None and job.done:
        raise HTTPException(400, NONE_RUNS)
    job = await job.acancel("cancelled by hand", force=True)
    return Started(id=job.id, status=job.state)


async def _job(task_id: str | None) -> JobHandle[object]:
    if task_id is None:
        newest = (await mill.ajobs(tasks=[long_task.name], limit=1)).jobs
        if not newest:
            raise HTTPException(400, NONE_YET)
        return long_task.handle(newest[0])
    try:
        job = await mill.ajob(task_id)
    except JobNotFound as error:
        raise HTTPException(404, str(error)) from error
    if job.record.task != long_task.name:
        raise HTTPException(404, f"the job {task_id} is of another task")
    return job


def _result(job: Job) -> object:
    """Return the value of a task that succeeded, and of one that failed its traceback, or what there is."""
    if job.state is JobState.SUCCEEDED:
        return long_task.handle(job).document()["result"]
    if job.state is JobState.FAILED and job.failure is not None:
        return job.failure.traceback or f"{job.failure.type}: {job.failure.message}"
    return job.cancel_reason if job.state is JobState.CANCELLED else None


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let nothing be started or cancelled that nobody has asked for, and add the headers of every answer."""
    reason = _reason_to_refuse(request)
    response = JSONResponse({"detail": reason}, status_code=403) if reason else await call_next(request)
    response.headers.update(SECURITY_HEADERS)
    return response


def _reason_to_refuse(request: Request) -> str | None:
    # By a name of its own a page of another site would count as one of this.
    if request.url.hostname not in os.environ.get(HOSTS, LOCAL_HOSTS).split():
        return f"this host is not served: use localhost, or list the host in {HOSTS}"
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return "a page of another site sent this"
    # What a browser says where it leaves out the other, as over plain HTTP beyond this machine.
    if request.headers.get("origin", f"://{request.url.netloc}").partition("://")[2] != request.url.netloc:
        return "a page of another site sent this"
    if "prefetch" in request.headers.get("sec-purpose", ""):
        return "this is not to be fetched ahead of a click"
    return None


async def _answer_unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=503, headers={"Retry-After": "2"})
