"""How loud an event is in the log, and what its line says."""

import logging
from typing import assert_never

from workmill.words.emit import JobsEnqueued
from workmill.words.events import (
    DutyFailed,
    EngineDied,
    EngineKept,
    EngineRelieved,
    EngineStuck,
    EngineWornEarly,
    Event,
    FinishRefused,
    JobSettled,
    JobsOverstayed,
    JobsPruned,
    JobsRescued,
    JobStarted,
    LateEndIgnored,
    StaleWriteRefused,
    StoreAmiss,
    StoreFailing,
    WorkerLeaseLost,
    WorkerOrdered,
    WorkerStarted,
    WorkerStopped,
    WorkerStopping,
)
from workmill.words.job import Ending, JobState


def level_of(event: Event) -> int:
    """Return the level that an event is logged at."""
    match event:
        case JobsEnqueued() | JobStarted():
            return logging.DEBUG
        case JobSettled():
            return logging.WARNING if event.transition.state is JobState.FAILED else logging.INFO
        case JobsPruned() | WorkerStarted() | WorkerStopping() | WorkerStopped() | EngineRelieved():
            return logging.INFO
        case StaleWriteRefused() | FinishRefused() | LateEndIgnored() | JobsRescued() | JobsOverstayed():
            return logging.WARNING
        case EngineStuck() | EngineWornEarly() | WorkerLeaseLost() | StoreFailing() | StoreAmiss():
            return logging.WARNING
        case EngineDied() | EngineKept() | DutyFailed():
            return logging.ERROR
        case WorkerOrdered():
            return logging.INFO
    assert_never(event)


def line_of(event: Event) -> str:
    """Return the line for an event."""
    match event:
        case JobsEnqueued() | JobsRescued() | JobsOverstayed() | JobsPruned():
            return _batch_line(event)
        case JobStarted() | JobSettled() | StaleWriteRefused() | FinishRefused() | LateEndIgnored():
            return _job_line(event)
        case EngineDied() | EngineRelieved() | EngineKept() | EngineStuck() | EngineWornEarly():
            return _engine_line(event)
        case _:
            return _worker_line(event)


def _batch_line(event: JobsEnqueued | JobsRescued | JobsOverstayed | JobsPruned) -> str:
    match event:
        case JobsEnqueued():
            return f"enqueued {len(event.job_ids)} of {event.task} on {event.queue}, first {event.job_ids[0]}"
        case JobsRescued():
            return f"took back {_counted(len(event.job_ids), 'job')}: {event.why}; first {event.job_ids[0]}"
        case JobsOverstayed():
            return f"{_counted(len(event.job_ids), 'job')} overstayed: {event.why}; first {event.job_ids[0]}"
        case JobsPruned():
            return f"pruned {_counted(event.count, 'finished job')} past their keep time"
    assert_never(event)


def _job_line(event: JobStarted | JobSettled | StaleWriteRefused | FinishRefused | LateEndIgnored) -> str:
    match event:
        case JobStarted():
            return f"{_name(event)} started, attempt {event.job.attempt}"
        case JobSettled():
            return _settled(event)
        case StaleWriteRefused():
            return f"job {event.job_id}: {event.verb} with token {event.token} refused, another claim is newer"
        case FinishRefused():
            return f"job {event.job_id}: JobLost with token {event.token}, what it wrote was rolled back"
        case LateEndIgnored():
            return f"job {event.job_id} had finished in its own transaction; ignored what came after: {event.what:.300}"
    assert_never(event)


def _worker_line(
    event: WorkerStarted
    | WorkerOrdered
    | WorkerStopping
    | WorkerStopped
    | WorkerLeaseLost
    | StoreFailing
    | StoreAmiss
    | DutyFailed,
) -> str:
    match event:
        case WorkerStarted():
            return _started(event)
        case WorkerOrdered():
            return f"worker {event.worker_id} was told: {event.order}"
        case WorkerStopping():
            return f"worker takes no more jobs: {event.why}"
        case WorkerStopped():
            return f"worker stopped; {_counted(event.returned, 'job')} given back"
        case WorkerLeaseLost():
            return f"worker {event.worker_id} lost its lease; it stops its jobs and begins anew"
        case StoreAmiss():
            return f"{event.subject}: {event.detail}; {event.remedy}"
        case StoreFailing():
            return f"store failed to {event.verb}: {event.error}; again in {event.retry_seconds:.1f} s"
        case DutyFailed():
            return f"{event.duty} failed: {event.error}; it goes on with its next round"
    assert_never(event)


def _engine_line(event: EngineDied | EngineRelieved | EngineKept | EngineStuck | EngineWornEarly) -> str:
    engine = f"engine {event.engine} (pid {event.pid})"
    match event:
        case EngineDied():
            return f"{engine} died: {event.how}"
        case EngineRelieved():
            return f"{engine} finishes what it runs and leaves; pid {event.successor_pid} takes its place: {event.why}"
        case EngineKept():
            return f"{engine} works on as it is: {event.why}"
        case EngineWornEarly():
            least = f"the next one works {event.least_seconds:.0f} s at least, whatever it holds"
            return f"{engine} was worn at once: {event.why}; {least}; raise the limit"
        case EngineStuck():
            whose = "" if event.job_id is None else f" in job {event.job_id} {event.task}"
            return f"{engine} has stood still for {event.seconds:.1f} s{whose}: {event.stack or 'nobody knows where'}"
    assert_never(event)


def _counted(count: int, thing: str) -> str:
    return f"1 {thing}" if count == 1 else f"{count} {thing}s"


def _started(event: WorkerStarted) -> str:
    queues = "all queues" if event.queues is None else "queues " + ", ".join(event.queues)
    tasks = ", ".join(event.tasks) or "none"
    return f"worker {event.name} takes {queues} of {event.store}, {event.concurrency} at a time; tasks: {tasks}"


def _name(event: JobStarted | JobSettled) -> str:
    return f"job {event.job.id} {event.job.task}"


def _settled(event: JobSettled) -> str:
    change, seconds = event.transition, event.seconds
    if change.ending is Ending.RETURNED:
        return f"{_name(event)} given back, attempt {event.job.attempt} is not counted"
    line = f"{_name(event)} {change.state} after {seconds:.3f} s, attempt {event.job.attempt}"
    if change.failure is not None:
        # The traceback is kept with the job.
        line += f": {change.failure.type}: {change.failure.message:.300}"
    if change.delay is not None:
        line += f"; again in {change.delay.total_seconds():.1f} s"
    return line
