"""What the workers do: registrations, the robot's rounds, the records that these fetch, and the answers about them."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field, JsonValue

from examples.robot import service
from examples.robot.documents import read_document
from examples.robot.records_shape import Count, Document, Record, RecordId, Status
from examples.robot.service import ServiceFailed
from examples.robot.settings import settings_of
from workmill import App, JobConflict, JobHandle, JobState, Retry, current_job

log = logging.getLogger("examples.robot")

REGISTRATIONS = "robot-registrations"
ROUNDS = "robot-rounds"
RECORDS = "robot-records"
ANSWERS = "robot-answers"
KEEP = timedelta(days=1)
"""How long the jobs are kept after their end, and with them the keys that make a repetition harmless."""
LONGEST_MESSAGE = 1000

TELL = Retry(200, first=0.5, most=5, on=ServiceFailed)
"""How an answer about a record is repeated: a service that is away for a quarter of an hour misses none."""

Message = Annotated[str, Field(max_length=LONGEST_MESSAGE, description="A line that goes with every record")]

app = App()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A registration that is done."""

    fields: list[str]
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a round has fetched, and how many of it were on the queue already."""

    records: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A record that is done."""

    record_id: int
    elements: int
    characters: int


@app.task(name="robot.register", queue=REGISTRATIONS, retry=Retry(3), timeout=60, keep=timedelta(days=7))
def register(body: dict[str, JsonValue]) -> Registered:
    """Do what a form asked for. The log tells the fields and not what is in them: that is a person's own."""
    done = Registered(fields=sorted(body), characters=sum(len(str(value)) for value in body.values()))
    log.info("registered %s: %s, %s characters", current_job.id, ", ".join(done.fields) or "nothing", done.characters)
    return done


@app.task(
    name="robot.round",
    queue=ROUNDS,
    retry=Retry(2, first=0.5, most=5, on=ServiceFailed),
    timeout=120,
    keep=KEEP,
)
async def do_round(run: str, records: Count, msg: Message = "", rplstatus: Status = "START") -> Fetched:
    """Fetch records and put each on the queue of the pool.

    However often it is repeated, and wherever it was broken off: the service gives this job the same records again, and
    the key of each of them is that of the job that is there. A stop of the robot ends it at whatever it waits for.
    """
    found = await asyncio.to_thread(service.take, records, by=current_job.id, status=rplstatus)
    jobs = list[JobHandle[Worked]]()
    for number, record in enumerate(found, start=1):
        jobs.append(await _put(record, msg))
        current_job.progress(number, len(found), f"record {record.id}")
    known = sum(not job.created for job in jobs)
    await count.using(key=current_job.id, after=jobs, needs="end").aenqueue([job.id for job in jobs])
    log.info("run %s, round %s: %s records, %s of them known (%s)", run, current_job.id, len(jobs), known, msg)
    return Fetched(records=len(jobs), known=known)


@app.task(name="robot.work", queue=RECORDS, retry=Retry(3, first=0.2, on=OSError), timeout=60, keep=KEEP)
async def work(record_id: RecordId, document: Document, msg: Message = "") -> Worked:
    """Work on one record. One whose document cannot be read fails at once: no repetition would mend it."""
    await asyncio.sleep(settings_of().work_seconds)
    contents = read_document(document)
    log.info("record %s: %s elements (%s)", record_id, contents.elements, msg)
    return Worked(record_id=record_id, elements=contents.elements, characters=contents.characters)


@app.task(name="robot.done", queue=ANSWERS, retry=TELL, timeout=30, keep=KEEP)
def say_done(worked: Worked) -> None:
    """Tell the service that a record is done: runs when the work on it has succeeded, and gets its result."""
    service.tell(worked.record_id, "DONE")


@app.task(name="robot.refused", queue=ANSWERS, retry=TELL, timeout=30, keep=KEEP)
def say_refused(job_id: str, record_id: RecordId) -> None:
    """Tell the service that a record is refused: runs when the work on it has failed, and gets the id of its job."""
    job = app.job(job_id).record
    log.warning("record %s is refused: %s", record_id, job.state if job.failure is None else job.failure.message)
    service.tell(record_id, "REFUSED")


@app.task(name="robot.count", queue=ANSWERS, retry=Retry(3), timeout=60, keep=KEEP)
def count(job_ids: list[str]) -> dict[JobState, int]:
    """Count what became of the records of a round: runs when the work on all of them has ended."""
    states = [app.job(each).state for each in job_ids]
    return {state: states.count(state) for state in JobState if state in states}


async def _put(record: Record, msg: str) -> JobHandle[Worked]:
    """Put a record on the pool's queue, with what follows it; a record that was there before is there once.

    One that comes again though its job has ended is one whose answer the service has not heard: it is told again.
    """
    refusal = say_refused.step(record_id=record.id)
    task = work.using(key=f"record-{record.id}", then=say_done.step(), on_error=refusal)
    try:
        job = await task.aenqueue(record.id, record.document, msg)
    except JobConflict as error:  # An earlier run has put it there with another message.
        job = work.handle((await app.ajob(error.job_id)).record)
    if job.state.is_final:
        await _tell_again(job, record.id)
    return job


async def _tell_again(job: JobHandle[Worked], record_id: int) -> None:
    key = f"{current_job.id}-{record_id}"
    if job.state is JobState.SUCCEEDED:
        await say_done.using(key=key).aenqueue(await job.aresult(timeout=5))
    else:
        await say_refused.using(key=key).aenqueue(job.id, record_id)
