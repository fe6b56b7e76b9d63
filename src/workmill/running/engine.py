"""The engine: claims jobs in batches sized to its free slots, runs them, and settles what ended, in one exchange.

One exchange with the store is under way at any time. What ends meanwhile is settled by the next one, which also claims
for the slots that became free: batches grow by themselves with the load, and nothing waits for a timer. What is done and
not yet recorded when the process is killed, and therefore runs again, is what ended during one exchange.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from workmill.craft.context import Run
from workmill.craft.executor import Executor
from workmill.craft.program import Program
from workmill.store import ClaimRequest, Listener, Notice, NoticeKind, Report, Store, Verdict
from workmill.words.errors import StoreError
from workmill.words.events import JobSettled, JobStarted, StaleWriteRefused, StoreFailing
from workmill.words.job import Job, Progress
from workmill.words.outcome import Outcome, Returned
from workmill.words.transition import Decide, Transition, decide

POLL_SECONDS = 5.0
"""How often an engine looks by itself, in case a notice was lost."""
REPORT_SECONDS = 0.25
"""Progress is written at most this often."""
GRACE_SECONDS = 5.0
"""How long `stop` waits for code that was asked to end."""
LONGEST_BACKOFF_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt that is over but not settled yet."""

    job: Job
    outcome: Outcome
    transition: Transition
    seconds: float


class Engine:
    """Runs the jobs of one worker in this process, `async def` tasks on this loop and plain functions in threads.

    ```
    run() ──► claiming ──drain()──► draining ──nothing runs──► run() returns
                 │                     │
                 └───────stop()────────┴──► stopping ──grace is over──► what still runs is given back, run() returns
    ```

    It never renews the lease: whoever owns it calls `stop` before it ends.

    Args:
        program: The application whose tasks it runs.
        store: An open store of this event loop.
        worker_id: The worker under whose lease it claims.
        number: Which of the worker's engines it is.
        queues: The queues it takes; None for all.
        concurrency: How many jobs run at a time.
        grace: Seconds that `stop` leaves to the code it asked to end.
        decide: The rule for what follows an attempt; a test may skip delays.
    """

    def __init__(
        self,
        *,
        program: Program,
        store: Store,
        worker_id: str,
        number: int = 0,
        queues: tuple[str, ...] | None = None,
        concurrency: int = 16,
        grace: float = GRACE_SECONDS,
        decide: Decide = decide,
    ) -> None:
        self._store = store
        self._decide = decide
        self._emit = program.emit
        self._tasks = program.tasks
        self._request = ClaimRequest(
            worker_id=worker_id, engine=number, queues=queues, tasks=tuple(program.tasks), limit=concurrency
        )
        self._concurrency = concurrency
        self._grace = grace
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="workmill-task")
        self._executor = Executor(program.tasks, program.middleware, self._threads)
        self._running: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._ended: list[_Ended] = []
        self._reports: dict[str, Report] = {}
        self._wake = asyncio.Event()
        self._has_reports = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._notices = 0
        self._may_have_more = True
        self._is_draining = False
        self._is_stopping = False
        self._given_back = 0

    @property
    def running(self) -> int:
        """How many jobs run here now."""
        return len(self._running)

    @property
    def given_back(self) -> int:
        """How many jobs a stop gave back unfinished."""
        return self._given_back

    def drain(self) -> None:
        """Take no more jobs; `run` returns when those that run have ended and are settled."""
        self._is_draining = True
        self._wake.set()

    async def stop(self, why: str = "the worker stops", *, grace: float | None = None) -> None:
        """Take no more jobs, ask what runs to end, and give back uncounted what has not ended after the grace."""
        self._is_stopping = True
        self.drain()
        for run, task in self._running.values():
            self._ask(run, task, why, gives_back=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace if grace is None else grace):
                await asyncio.gather(*(task for _, task in self._running.values()), return_exceptions=True)
        for run, _ in list(self._running.values()):
            self._end(run, Returned(), seconds=0.0)

    async def run(self, *, until_idle: bool = False) -> None:
        """Work until `drain` or `stop` has done its part.

        Args:
            until_idle: Return also when nothing runs and nothing can be claimed any more.
        """
        async with self._listening(), self._reporting():
            while True:
                await self._exchange_while_useful()
                if not self._running and not self._ended and (self._is_draining or until_idle):
                    break
                await self._rest()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            self._may_have_more = True
            await self._look_for_cancels()
        self._wake.clear()

    async def _exchange_while_useful(self) -> None:
        failures = 0
        while self._ended or self._claimable():
            try:
                await self._exchange()
                failures = 0
            except StoreError as error:
                failures += 1
                await self._back_off(failures, error)

    def _claimable(self) -> int:
        """How many jobs to ask for now: none without a sign that there is anything to claim."""
        if self._is_draining or not self._may_have_more:
            return 0
        return self._concurrency - len(self._running)

    async def _exchange(self) -> None:
        """Settle what has ended and claim for the slots that are free, in one round trip."""
        ended, self._ended = self._ended, []
        wanted, heard = self._claimable(), self._notices
        request = replace(self._request, limit=wanted) if wanted else None
        try:
            await self._report([entry.job.id for entry in ended])
            settled = await self._store.settle([entry.transition for entry in ended], request)
        except BaseException:
            self._ended = ended + self._ended
            raise
        for entry, verdict in zip(ended, settled.verdicts, strict=True):
            self._note_verdict(entry, verdict)
        self._start(settled.claimed)
        if wanted and len(settled.claimed) < wanted and heard == self._notices:
            self._may_have_more = False

    async def _back_off(self, failures: int, error: StoreError) -> None:
        seconds = min(0.1 * 2**failures, LONGEST_BACKOFF_SECONDS) * (0.5 + random.random())  # noqa: S311 - no secret
        self._emit(StoreFailing(verb="settle and claim", error=str(error), retry_seconds=seconds))
        await asyncio.sleep(seconds)

    def _note_verdict(self, entry: _Ended, verdict: Verdict) -> None:
        match verdict:
            case Verdict.APPLIED:
                self._emit(JobSettled(job=entry.job, transition=entry.transition, seconds=entry.seconds))
            case Verdict.STALE:
                self._emit(StaleWriteRefused(job_id=entry.job.id, token=entry.job.token, verb="settle"))
            case Verdict.CANCEL_REQUESTED:
                # The request came after the decision: decide again, knowing of it.
                asked = replace(entry.job, cancel_requested_at=entry.job.started_at or entry.job.created_at)
                transition = self._decide(asked, entry.outcome, chance=0.0)
                self._ended.append(replace(entry, transition=transition))

    def _start(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if self._is_stopping:  # Claimed by the exchange that was under way when the word came.
                self._give_back(job)
                continue
            run = Run(job, self._note_progress)
            self._running[job.id] = (run, asyncio.create_task(self._perform(run), name=f"workmill {job.id}"))
            self._emit(JobStarted(job=job))

    def _give_back(self, job: Job) -> None:
        self._given_back += 1
        self._ended.append(_Ended(job, Returned(), decide(job, Returned(), chance=0.0), 0.0))

    async def _perform(self, run: Run) -> None:
        began = time.monotonic()
        outcome = await self._executor.execute(run)
        self._end(run, outcome, seconds=time.monotonic() - began)

    def _end(self, run: Run, outcome: Outcome, *, seconds: float) -> None:
        held = self._running.get(run.job.id)
        if held is None or held[0] is not run:
            return  # Given back already; what came of it since is nobody's business.
        del self._running[run.job.id]
        self._given_back += isinstance(outcome, Returned)
        transition = self._decide(run.job, outcome, chance=random.random())  # noqa: S311 - spreads retries, no secret
        self._ended.append(_Ended(run.job, outcome, transition, seconds))
        self._wake.set()

    def _ask(self, run: Run, task: asyncio.Task[None], why: str | None, *, gives_back: bool = False) -> None:
        run.ask(why, gives_back=gives_back)
        known = self._tasks.get(run.job.task)
        if known is not None and known.is_async:
            task.cancel()

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        kinds = frozenset({NoticeKind.QUEUED, NoticeKind.CANCEL})
        async with self._store.listen(kinds) as ear, _owned(self._hear(ear)):
            yield

    async def _hear(self, ear: Listener) -> None:
        while True:
            try:
                await self._heed(await ear.next(POLL_SECONDS))
            except StoreError as error:
                await self._back_off(1, error)

    async def _heed(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            if notice.kind is NoticeKind.CANCEL:
                await self._look_for_cancels(notice.job_ids)
            elif self._request.queues is None or not notice.queue or notice.queue in self._request.queues:
                self._notices += 1
                self._may_have_more = True
                self._wake.set()

    async def _look_for_cancels(self, job_ids: Iterable[str] = ()) -> None:
        """Ask those of the jobs (all that run, where none is named) to end whose cancel was requested."""
        wanted = [job_id for job_id in job_ids or self._running if job_id in self._running]
        if not wanted:
            return
        try:
            stored = await self._store.get(wanted)
        except StoreError:
            return  # The next poll looks again.
        for job in stored:
            if job is not None and job.cancel_requested_at is not None:
                self._cancel(job)

    def _cancel(self, job: Job) -> None:
        held = self._running.get(job.id)
        if held is not None and held[0].job.token == job.token and not held[0].is_asked:
            run, task = held
            run.job = job  # From here on the decision knows of the request.
            self._ask(run, task, job.cancel_reason)

    def _note_progress(self, run: Run, progress: Progress) -> None:
        # From any thread: a dict assignment is atomic, and the event is set on the loop that waits for it.
        self._reports[run.job.id] = Report(job_id=run.job.id, token=run.job.token, progress=progress)
        if not self._has_reports.is_set():
            self._loop.call_soon_threadsafe(self._has_reports.set)

    @asynccontextmanager
    async def _reporting(self) -> AsyncIterator[None]:
        async with _owned(self._report_for_ever()):
            yield

    async def _report_for_ever(self) -> None:
        while True:
            await self._has_reports.wait()
            self._has_reports.clear()
            with suppress(StoreError):  # Kept for the next round, or overtaken by a newer one.
                await self._report(list(self._reports))
            await asyncio.sleep(REPORT_SECONDS)

    async def _report(self, job_ids: Sequence[str]) -> None:
        """Write the newest progress of these jobs, where there is any that is not written yet."""
        if not self._reports:
            return
        reports = [self._reports.pop(job_id) for job_id in job_ids if job_id in self._reports]
        if not reports:
            return
        try:
            stored = await self._store.report(reports)
        except StoreError:
            for report in reports:
                self._reports.setdefault(report.job_id, report)
            raise
        for report, is_stored in zip(reports, stored, strict=True):
            if not is_stored:
                self._emit(StaleWriteRefused(job_id=report.job_id, token=report.token, verb="report"))


@asynccontextmanager
async def _owned(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
