"""The Workmill application of the sentiment example.

One round of a request is one flow: the four analyses side by side, in processes of their own; `succeeded`, which gets
their results; and `failed`, which gets the id of what failed. `manage` goes round for ever, and begins another round
of what failed or was left.
"""

import os
import signal
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from django.db import connection, transaction  # type: ignore[import-untyped] # it has no types

from examples.sentiment import ready as ready  # noqa: PLC0414 - before the models
from examples.sentiment import rounds
from examples.sentiment.analysis import Analysis, analyse_lines
from examples.sentiment.connecting import JOINS, finishing
from examples.sentiment.mailing import send_mail
from examples.sentiment.migrating import migrate
from examples.sentiment.mill import app as app  # noqa: PLC0414 - whoever wants its tasks looks here
from examples.sentiment.models import Fault, Request, State
from examples.sentiment.tools import TOOLS, Tool, load_tool
from workmill import (
    Cancel,
    Flow,
    FlowNotFound,
    JobHandle,
    JobNotFound,
    JobState,
    Loop,
    NewJob,
    Retry,
    chord,
    current_job,
)
from workmill.contrib.django.transactions import enqueue_with

LIMIT_SECONDS = 120
REHEARSAL_SECONDS = 5
"""The time limit of an analysis that is to hang: nobody wants to watch that for two minutes."""
MANAGE_SECONDS = 3
QUIET = timedelta(seconds=5)
"""How long the manager lets a request be: it may just be on its way."""
FAULTY: Tool = "afinn"


@app.task(name="sentiment.analyse", queue="analyses", process=True, timeout=LIMIT_SECONDS, grace=1, memory="1GB")
def analyse(request_id: str, round_number: int, tool: Tool) -> Analysis:
    """Return what one tool finds in the text of a request."""
    current_job.progress(0, message="loading")
    request = rounds.begin(request_id, round_number)
    connection.close()  # It is not needed for as long as the analysis takes.
    if request is None:
        raise Cancel("another round of the request has begun, or it is gone")
    if tool == FAULTY:
        _rehearse(request)
    return analyse_lines(tool, request.text.splitlines(), load_tool(tool), current_job.progress)


@app.task(name="sentiment.succeeded", retry=Retry(5, first=1))
def succeeded(results: list[Analysis], request_id: str, round_number: int) -> None:
    """Note the results of the four analyses, and have them mailed: both or neither, where the store can do so.

    Else they are mailed once they can be read, and whoever dies before that leaves both to the next attempt.
    """
    with finishing():
        if rounds.succeed(request_id, round_number, [asdict(result) for result in results]):
            once = mail.using(key=f"sentiment.mail {request_id} {round_number}")
            enqueue_with(once.job(request_id, round_number))


@app.task(name="sentiment.failed", retry=Retry(5, first=1))
def failed(job_id: str, request_id: str, round_number: int) -> None:
    """Note that a request failed. `job_id` is that of `succeeded`, which fails when one of those before it does."""
    error = _what_failed(job_id)
    with finishing():
        rounds.fail(request_id, round_number, error)


@app.task(name="sentiment.mail", retry=Retry(5, first=2))
def mail(request_id: str, round_number: int) -> None:
    """Send the results to whoever asked for them. A repetition has the same Message-ID."""
    send_mail(request_id, round_number)


@app.task(name="sentiment.manage", schedule=Loop(MANAGE_SECONDS))
def manage() -> int:
    """Begin another round of every request that failed, that nobody took, or whose work is gone; return how many."""
    migrate(app)
    return sum(_begin_again(request) for request in rounds.unfinished(QUIET))


def start_round(request: Request, *, by_hand: bool = False) -> bool:
    """Begin the next round of a request; False where somebody else has.

    Where the store joins Django's transactions, the round and its jobs are stored together. Else the jobs follow the
    commit, and if that does not come about, the manager finds a request whose jobs are not there.
    """
    flow = round_flow(request, request.round + 1)
    with transaction.atomic():
        if not rounds.take_round(request, flow.id, by_hand=by_hand):
            return False
        if JOINS:
            app.enqueue_flow(flow, connection=connection)
        else:
            transaction.on_commit(partial(app.enqueue_flow, flow), robust=True)
    return True


def round_flow(request: Request, round_number: int) -> Flow:
    """Return the jobs of one round."""
    about = {"request_id": str(request.id), "round_number": round_number}
    total = succeeded.step(**about)
    flow = chord([_analysis(request, round_number, tool) for tool in TOOLS], total)
    flow.add(failed.step(**about), after=total, needs="failure")
    return flow


def analysis_jobs(request: Request) -> dict[Tool, JobHandle[object]]:
    """Return the jobs of the present round by the tool; none where they are not stored, or not any more."""
    try:
        jobs = app.flow(request.flow).jobs()
    except FlowNotFound:
        return {}
    return dict(zip(TOOLS, (job for job in jobs if job.record.task == analyse.name), strict=False))


def _analysis(request: Request, round_number: int, tool: Tool) -> NewJob:
    hangs = tool == FAULTY and request.fault == Fault.HANG and round_number == 1
    task = analyse.using(timeout=REHEARSAL_SECONDS) if hangs else analyse
    return task.job(str(request.id), round_number, tool)


def _rehearse(request: Request) -> None:
    match request.fault:
        case Fault.HANG if request.round == 1:
            while True:
                pass
        case Fault.CRASH if request.round == current_job.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case Fault.BROKEN:
            raise RuntimeError("this request was sent to see how a failure looks")


def _begin_again(request: Request) -> bool:
    if _goes_on(request):
        return False
    if request.tries >= rounds.MOST_TRIES:
        rounds.fail(str(request.id), request.round, f"its jobs were lost or cancelled {request.tries} times")
        return False
    return start_round(request)


def _goes_on(request: Request) -> bool:
    try:
        return request.state != State.SUCCESS and not app.flow(request.flow).status().done
    except FlowNotFound:
        return False


def _what_failed(job_id: str) -> str:
    """Return the failures of the analyses, else that of the job itself."""
    try:
        job = app.job(job_id)
        flow = job.record.ties.flow if job.record.ties else None
        record = [each.record for each in app.flow(flow).jobs()] if flow else []
    except (JobNotFound, FlowNotFound):
        return "what failed is not known any more"
    failures = dict(zip(TOOLS, (each for each in record if each.task == analyse.name), strict=False))
    said = [
        f"{tool}: {each.failure.message}"
        for tool, each in failures.items()
        if each.state == JobState.FAILED and each.failure
    ]
    return "; ".join(said) or (job.record.failure.message if job.record.failure else "an analysis was cancelled")
