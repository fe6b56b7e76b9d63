"""A client that writes down what it asks of a store and what it is told, and asks again where it is told nothing."""

import asyncio
from collections.abc import Sequence

from proof.histories.entry import Op, Phase
from proof.histories.pen import Pen, digest
from workmill.running.elapsed import elapsed
from workmill.store import Store
from workmill.words.channel import NewMessage
from workmill.words.codec import load
from workmill.words.errors import JobConflict, ParentNotFound, StoreUnavailable
from workmill.words.job import Job, NewJob
from workmill.words.unique import UNFINISHED, OnConflict

TRIES = 4


class Caller:
    """One client of one store.

    Args:
        pause: Seconds between two tries.
        tries: How often a call is made before its outcome stays unknown.
    """

    def __init__(self, store: Store, pen: Pen, *, pause: float = 0.0, tries: int = TRIES) -> None:
        self._store = store
        self._pen = pen
        self._pause = pause
        self._tries = tries

    async def enqueue(self, jobs: Sequence[NewJob], *, can_vanish: bool = False) -> list[Job]:
        """Store jobs, all or none; empty where that is unknown or was refused."""
        self._intend(jobs, batch=jobs[0].id if len(jobs) > 1 else "", can_vanish=can_vanish)
        for _ in range(self._tries):
            try:
                stored = [entry.job for entry in await self._store.enqueue(jobs)]
            except StoreUnavailable:
                self._note(jobs, Phase.UNKNOWN)
                await asyncio.sleep(self._pause)
            except (JobConflict, ParentNotFound):
                self._note(jobs, Phase.FAIL)
                return []
            else:
                for kept in stored:
                    self._pen.write(Op.ENQUEUE, phase=Phase.OK, job=kept.id, key=kept.key or "")
                return stored
        return []

    async def publish(self, message: NewMessage, jobs: Sequence[NewJob]) -> bool:
        """Publish a message and store jobs with it, all or none; say whether that was answered."""
        self._intend(jobs, batch=message.id)
        for _ in range(self._tries):
            try:
                await self._store.publish([message], jobs)
            except StoreUnavailable:
                self._note(jobs, Phase.UNKNOWN)
                await asyncio.sleep(self._pause)
            else:
                self._note(jobs, Phase.OK)
                return True
        return False

    async def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        self._pen.write(Op.CANCEL, phase=Phase.INTENT, job=job_id)
        for _ in range(self._tries):
            try:
                (job,) = await self._store.cancel([job_id], "the proof cancels it")
            except StoreUnavailable:
                self._pen.write(Op.CANCEL, phase=Phase.UNKNOWN, job=job_id)
                await asyncio.sleep(self._pause)
            else:
                if job is not None:
                    self._pen.write(Op.CANCEL, phase=Phase.OK, job=job_id, state=str(job.state), token=job.token)
                return

    async def read(self, job_id: str) -> Job | None:
        """Read a job; None where it is not there, or nobody answered."""
        began = elapsed()
        try:
            (job,) = await self._store.get([job_id])
        except StoreUnavailable:
            return None
        if job is None:
            self._pen.write(Op.READ, job=job_id, found=False, began=began)
            return None
        self._pen.write(
            Op.READ,
            job=job_id,
            began=began,
            state=str(job.state),
            token=job.token,
            version=job.version,
            sha="" if job.result is None else digest(load(job.result)),
        )
        return job

    def _intend(self, jobs: Sequence[NewJob], *, batch: str, can_vanish: bool = False) -> None:
        for job in jobs:
            self._pen.write(
                Op.ENQUEUE,
                phase=Phase.INTENT,
                job=job.id,
                key=job.key or "",
                unique=_unique(job),
                sha=digest(load(job.args)),
                batch=batch,
                can_vanish=can_vanish,
            )

    def _note(self, jobs: Sequence[NewJob], phase: Phase) -> None:
        for job in jobs:
            self._pen.write(Op.ENQUEUE, phase=phase, job=job.id, key=job.key or "")


def _unique(job: NewJob) -> str:
    """Return under which name a job lets no second one stand beside it; one that replaces may, for a while."""
    unique = job.unique
    if unique is None or unique.on_conflict is OnConflict.REPLACE or unique.states != UNFINISHED or unique.within:
        return ""
    return f"{job.task} {unique.name}"
