"""A worker whose every step a test takes itself, so that a job is in exactly the state that the test is about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

from workmill import App, Failure, FailureKind, Job, Progress
from workmill.store import ClaimRequest, NewWorker, Report, Store, Verdict
from workmill.words.outcome import Cancelled, Failed, Outcome, Succeeded
from workmill.words.transition import decide


class Hand:
    """Holds a lease on the application's store, and claims, reports and settles when told to."""

    def __init__(self, store: Store, tasks: tuple[str, ...]) -> None:
        self._store = store
        self._request = ClaimRequest(worker_id="hand", engine=0, queues=None, tasks=tasks, limit=1)

    @classmethod
    @asynccontextmanager
    async def of(cls, app: App) -> AsyncIterator[Self]:
        store = app.program.open_store()
        await store.open()
        hand = cls(store, tuple(app.tasks))
        await hand._register()
        yield hand
        await store.close()

    async def take(self) -> Job:
        """Claim the next job."""
        claimed = await self._store.claim(self._request)
        return claimed[0]

    async def report(self, job: Job, current: float, total: float | None = None) -> None:
        assert await self._store.report(
            [Report(job_id=job.id, token=job.token, progress=Progress(current=current, total=total))]
        ) == [True]

    async def succeed(self, job: Job, result: bytes = b"null") -> None:
        await self._settle(job, Succeeded(result=result))

    async def fail(self, job: Job, message: str = "no") -> None:
        failure = Failure(kind=FailureKind.ERROR, type="ValueError", message=message, traceback="Traceback: …")
        await self._settle(job, Failed(failure=failure))

    async def heed(self, job: Job) -> None:
        """End a job whose cancel was requested."""
        await self._settle(job, Cancelled())

    async def _settle(self, job: Job, outcome: Outcome) -> None:
        now = (await self._store.get([job.id]))[0]
        assert now is not None
        settled = await self._store.settle([decide(now, outcome, chance=0.5)])
        assert settled.verdicts == (Verdict.APPLIED,)

    async def _register(self) -> None:
        await self._store.register(
            NewWorker(
                id="hand",
                name="hand",
                host="here",
                pid=1,
                queues=None,
                tasks=self._request.tasks,
                concurrency=1,
                lease=timedelta(minutes=10),
            )
        )
