"""What goes around every attempt so that its history is known: start and end, with the claim's token."""

import asyncio
from contextvars import ContextVar

from proof.histories.entry import Op
from proof.histories.pen import Pen, digest
from workmill import CallNext, Job
from workmill.words.codec import Json, load
from workmill.words.events import Event, JobSettled, StaleWriteRefused, WorkerLeaseLost, WorkerStarted

_job: ContextVar[Job] = ContextVar("proof_job")


class Noting:
    """Middleware that writes down when an attempt's code starts and how it ends."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    async def __call__(self, job: Job, call_next: CallNext) -> Json:
        """Run the attempt between two entries."""
        _job.set(job)
        self._pen.write(Op.START, job=job.id, token=job.token, worker=job.worker or "", sha=digest(load(job.args)))
        try:
            await asyncio.sleep(0)  # Who runs at the same time begins before this ends.
            value = await call_next()
        except BaseException as error:
            kind = "cancelled" if isinstance(error, asyncio.CancelledError) else "raised"
            self._pen.write(Op.END, job=job.id, token=job.token, kind=kind)
            raise
        self._pen.write(Op.END, job=job.id, token=job.token, kind="returned", sha=digest(value))
        return value


def present_job() -> Job:
    """Return the job whose code asks, as it was claimed; also in its thread."""
    return _job.get()


def note_event(pen: Pen, event: Event) -> None:
    """Write down what a worker says of its leases and settles."""
    match event:
        case JobSettled(job=job, transition=transition):
            state, kind = str(transition.state), str(transition.ending)
            pen.write(Op.SETTLED, job=job.id, token=job.token, state=state, kind=kind)
        case StaleWriteRefused(job_id=job_id, token=token, verb=verb):
            pen.write(Op.REFUSED, job=job_id, token=token, kind=verb)
        case WorkerStarted(worker_id=worker_id):
            pen.write(Op.WORKER, worker=worker_id)
        case WorkerLeaseLost(worker_id=worker_id):
            pen.write(Op.LOST, worker=worker_id)
        case _:
            return
