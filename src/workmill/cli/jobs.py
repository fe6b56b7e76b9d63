"""`workmill jobs`: list, show, explain, wait for, cancel and retry jobs."""

import math
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Parameter

from workmill import (
    App,
    Attempt,
    InvalidArguments,
    JobConflict,
    JobHandle,
    JobState,
    attempt_document,
    job_document,
    why_document,
)
from workmill.cli.act import act
from workmill.cli.edits import edited_arguments, refusal
from workmill.cli.exits import Exit, UsageError, exit_for
from workmill.cli.follow import follow, say_ending, warn_if_held
from workmill.cli.loading import load_app
from workmill.cli.options import LISTING, SHOWING, Listing, Names, Seconds, Showing, Whole, aware
from workmill.cli.output import Column, Document, json_text, show_fields, show_items, show_json, show_value
from workmill.cli.terminal import clean, clean_block, say

jobs = Parser(name="jobs", help="List, show, explain, wait for, cancel and retry jobs.", version_flags=())
jobs.command(act)

_COLUMNS = (
    Column(heading="ID", read=lambda job: job["id"], is_copied=True),
    Column(heading="TASK", read=lambda job: job["task"]),
    Column(heading="QUEUE", read=lambda job: job["queue"], is_spare=True),
    Column(heading="STATE", read=lambda job: job["state"]),
    Column(heading="ATTEMPT", read=lambda job: f"{job['attempt']}/{job['max_attempts']}", is_spare=True),
    Column(heading="CREATED", read=lambda job: _moment(job["created_at"])),
    Column(heading="FINISHED", read=lambda job: _moment(job["finished_at"]), is_spare=True),
)


@jobs.command(name="list")
def list_jobs(
    *,
    state: Annotated[
        list[JobState] | None, Parameter(negative=(), help="Only jobs in this state; may be repeated.")
    ] = None,
    task: Annotated[Names, Parameter(help="Only jobs of these tasks.")] = (),
    queue: Annotated[Names, Parameter(help="Only jobs of these queues.")] = (),
    flow: Annotated[Names, Parameter(help="Only jobs of these flows.")] = (),
    schedule: Annotated[Names, Parameter(help="Only jobs of these schedules.")] = (),
    created_after: Annotated[datetime | None, Parameter(help="Local time, unless it has an offset.")] = None,
    created_before: Annotated[datetime | None, Parameter(help="Local time, unless it has an offset.")] = None,
    limit: Annotated[Whole, Parameter(help="How many at most, from 1 to 1000.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Where an earlier list said that the next page begins.")] = None,
    listing: Listing = LISTING,
) -> int:
    """List jobs, newest first."""
    page = load_app(listing.app).jobs(
        states=state or (),
        tasks=task,
        queues=queue,
        flows=flow,
        schedules=schedule,
        created_after=aware(created_after),
        created_before=aware(created_before),
        limit=limit,
        cursor=cursor,
    )
    body = {"items": [job_document(job) for job in page.jobs], "next_cursor": page.next_cursor}
    show_items(body, _COLUMNS, listing.form)
    if page.next_cursor and listing.form != "json":
        say(f"workmill: there are more; go on with --cursor {page.next_cursor}")
    return Exit.OK


@jobs.command
def show(*ids: Annotated[str, Parameter(name="ID")], showing: Showing = SHOWING) -> int:
    """Show jobs with their arguments, attempts and result."""
    app = load_app(showing.app)
    handles = _handles(ids, app)
    if showing.json:
        _show_documents(handles)
        return Exit.OK
    names = {worker.id: worker.name for worker in app.workers()}
    for number, handle in enumerate(handles):
        if number:
            print()
        _show_job(handle, names)
        warn_if_held(handle, app)
    return Exit.OK


@jobs.command
def why(*ids: Annotated[str, Parameter(name="ID")], showing: Showing = SHOWING) -> int:
    """Say why jobs do not run: for each one reason, the most decisive."""
    reasons = [(handle.id, handle.why()) for handle in _handles(ids, load_app(showing.app))]
    if showing.json:
        documents = [{"id": job_id, **why_document(reason)} for job_id, reason in reasons]
        show_json(documents[0] if len(documents) == 1 else {"items": documents})
    else:
        for job_id, reason in reasons:
            print(clean(reason.sentence if len(reasons) == 1 else f"{job_id} {reason.sentence}"))
    return Exit.OK


@jobs.command
def wait(
    *ids: Annotated[str, Parameter(name="ID")],
    timeout: Annotated[Seconds, Parameter(help="Wait no longer than this, over all of them.")] = math.inf,
    showing: Showing = SHOWING,
) -> int:
    """Wait until jobs have ended, and write their results to stdout.

    The exit code is that of the first job that did not succeed.
    """
    app = load_app(showing.app)
    handles = _handles(ids, app)
    for handle in handles:
        warn_if_held(handle, app)
    _follow_all(handles, timeout)
    if showing.json:
        _show_documents(handles)
    codes = []
    for handle in handles:
        if handle.state is JobState.SUCCEEDED and not showing.json:
            show_value(handle.document()["result"])
        codes.append(say_ending(handle))
    return next((code for code in codes if code), Exit.OK)


@jobs.command
def cancel(
    *ids: Annotated[str, Parameter(name="ID")],
    reason: Annotated[str | None, Parameter(help="Why; it is kept with the job.")] = None,
    force: Annotated[
        bool, Parameter(negative=(), show_default=False, help="End running jobs without asking them.")
    ] = False,
    showing: Showing = SHOWING,
) -> int:
    """Cancel jobs: those that have not started end at once, running ones are asked to end."""
    handles = _handles(ids, load_app(showing.app))
    code = Exit.OK
    for handle in handles:
        try:
            handle.cancel(reason, force=force)
        except JobConflict as error:
            say(f"workmill: {error}")
            code = Exit.CONFLICT
            continue
        if not showing.json:
            print(f"{handle.id} {handle.state if handle.done else _asked(handle)}")
    if showing.json:
        _show_documents(handles)
    return code


@jobs.command
def retry(
    *ids: Annotated[str, Parameter(name="ID")],
    changes: Annotated[
        tuple[str, ...],
        Parameter(
            name="--set",
            metavar="NAME=VALUE",
            negative=(),
            show_default=False,
            help="Change one argument; may be repeated.",
        ),
    ] = (),
    args: Annotated[
        str | None, Parameter(metavar="JSON|@FILE|-", help="All arguments anew, as one JSON object.")
    ] = None,
    key: Annotated[str | None, Parameter(help="Idempotency key: retrying again with it gives the same job.")] = None,
    showing: Showing = SHOWING,
) -> int:
    """Run jobs that have ended again: each as a new job, whose id is written to stdout."""
    app = load_app(showing.app)
    made: list[JobHandle[object]] = []
    code = Exit.OK
    for handle in _handles(ids, app):
        arguments = edited_arguments(handle, app.tasks.get(handle.record.task), changes, args)
        try:
            made.append(handle.retry(arguments=arguments, key=key))
        except (JobConflict, InvalidArguments) as error:
            said = refusal(handle.id, error) if isinstance(error, InvalidArguments) else str(error)
            say(f"workmill: {said}")
            code = code or exit_for(error)
            continue
        say(f"workmill: retried job {handle.id} as {made[-1].id}, {made[-1].state}")
        warn_if_held(made[-1], app)
        if not showing.json:
            print(made[-1].id)
    if showing.json:
        _show_documents(made)
    return code


def _asked(handle: JobHandle[object]) -> str:
    return "is to be ended" if handle.record.cancel_forced else "was asked to end"


def _handles(ids: tuple[str, ...], app: App) -> list[JobHandle[object]]:
    if not ids:
        raise UsageError("name one job or more by id; `workmill jobs list` lists them")
    return [app.job(each) for each in ids]


def _show_documents(handles: list[JobHandle[object]]) -> None:
    documents = [handle.document() for handle in handles]
    show_json(documents[0] if len(documents) == 1 else {"items": documents})


def _show_job(handle: JobHandle[object], names: Mapping[str, str]) -> None:
    job = handle.document()
    job["worker"] = _named(job["worker"], names)
    show_fields([(name.replace("_", " "), _shown(name, value)) for name, value in job.items() if name != "error"])
    for attempt in handle.attempts():
        print(_attempt_line(attempt, names))
    if error := job["error"]:
        print(clean_block(f"\n{error['type']}: {error['message']}\n{error['traceback']}".rstrip()))


def _shown(name: str, value: object) -> str:
    if name in {"args", "result", "progress"}:
        return "" if value is None else json_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _moment(value) if name.endswith("_at") else _plain(value)


def _named(worker: str | None, names: Mapping[str, str]) -> str | None:
    """Return what people call a worker, where it is remembered, beside the id that a job knows it by."""
    name = names.get(worker or "")
    return f"{name} ({worker})" if name else worker


def _attempt_line(attempt: Attempt, names: Mapping[str, str]) -> str:
    document: Document = attempt_document(attempt)
    where = f" on {name}" if (name := names.get(attempt.worker or "")) else ""
    error = document["error"]
    why = f"  {error['type']}: {error['message']}" if isinstance(error, dict) else ""
    return clean(f"attempt {document['number']}: {document['ending']} {_moment(document['ended_at'])}{where}{why}")


def _follow_all(handles: list[JobHandle[object]], timeout: float) -> None:
    ends_at = time.monotonic() + timeout
    for handle in handles:
        follow(handle, max(0.0, ends_at - time.monotonic()))


def _moment(text: object) -> str:
    """Return a document's time to the second: people compare by eye."""
    return f"{str(text)[:19].replace('T', ' ')}Z" if text else ""


def _plain(value: object) -> str:
    return "" if value is None else str(value)
