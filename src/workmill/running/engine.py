"""The engine: claims jobs in batches sized to its free slots, runs them, and settles what ended, in one exchange.

One exchange with the store is under way at any time. What ends meanwhile is settled by the next one, which also claims
for the slots that became free: batches grow by themselves with the load, and nothing waits for a timer. What is done
and not yet recorded when the process is killed, and therefore runs again, is what ended during one exchange.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workmill.craft.closing import Closing
from workmill.craft.feeding import is_fed
from workmill.craft.program import Program
from workmill.craft.run import Run
from workmill.running.ends import Ended, said_late, settle_apart, stored_before
from workmill.running.feeder import Feeder
from workmill.running.patience import pause_after
from workmill.running.performing import OwnProcess, Performer
from workmill.running.reports import Reports
from workmill.store import ClaimRequest, Notice, NoticeKind, Settled, Store, Verdict
from workmill.words.errors import StoreError, StoreUnavailable
from workmill.words.events import JobSettled, JobStarted, LateEndIgnored, StaleWriteRefused, StoreFailing
from workmill.words.job import Ending, Job
from workmill.words.outcome import Outcome, Returned
from workmill.words.transition import Decide, Transition, decide

POLL_SECONDS = 5.0
"""How often an engine looks by itself, in case a notice was lost."""
GRACE_SECONDS = 5.0
"""How long `stop` waits for code that was asked to end."""
LAST_SECONDS = 0.1
"""How long it then waits for what it has interrupted once more."""
_HEARD = frozenset({NoticeKind.QUEUED, NoticeKind.CANCEL})


class Engine:
    """Claims jobs for one worker, has them run, and settles what became of them.

    ```
    run() ──► claiming ──drain()──► draining ──nothing runs──► run() returns
                 │                     │
                 └───────stop()────────┴──► stopping ──grace is over──► what still runs is given back, run() returns
    ```

    It never renews the lease: whoever owns it calls `stop` before it ends, and cancels `run` where the store fails for
    longer than that leaves.

    Args:
        program: The application whose tasks it runs.
        store: An open store of this event loop.
        worker_id: The worker under whose lease it claims.
        number: Which of the worker's engines it is.
        queues: The queues it takes; None for all.
        concurrency: How many jobs run at a time.
        performer: Where they run, closed with the engine; this process, if none is given.
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
        performer: Performer | None = None,
        grace: float = GRACE_SECONDS,
        decide: Decide = decide,
    ) -> None:
        self._store = store
        self._decide = decide
        self._emit = program.emit
        self._request = ClaimRequest(
            worker_id=worker_id, engine=number, queues=queues, tasks=tuple(program.tasks), limit=concurrency
        )
        self._concurrency = concurrency
        self._grace = grace
        self._performer = performer or OwnProcess(program, concurrency)
        self._closing = Closing(program.tasks, store, decide, program.emit)
        self._reports = Reports(store=store, emit=program.emit, is_ours=self._holds)
        self._feeder = Feeder(store, program.tasks, program.emit)
        self._running: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._ended: list[Ended] = []
        self._wake = asyncio.Event()
        self._notices = 0
        self._deaf_times = 0
        self._may_have_more = True
        self._has_lost_claims = False
        self._is_draining = False
        self._is_quiet = False
        self._is_stopping = False
        self._given_back = 0
        self._fault: Exception | None = None

    @property
    def running(self) -> int:
        """How many jobs run here now."""
        return len(self._running)

    @property
    def given_back(self) -> int:
        """How many jobs a stop gave back unfinished."""
        return self._given_back

    def runs(self) -> Sequence[tuple[Run, asyncio.Task[None]]]:
        """What runs here now, with the asyncio task that awaits it. From any thread."""
        return list(self._running.values())

    def drain(self) -> None:
        """Take no more jobs; `run` returns when those that run have ended and are settled."""
        self._is_draining = True
        self._wake.set()

    def quiet(self, *, is_on: bool) -> None:
        """Take no more jobs while it is on, and go on with those that run."""
        self._is_quiet = is_on
        self._note_work()  # What came meanwhile.

    def recall(self, why: str = "its worker recalls it") -> None:
        """Take no more jobs, and ask what runs to end and go back; `run` returns when all of it has."""
        self._is_stopping = True
        self.drain()
        for run, task in self._running.values():
            self._ask(run, task, why, gives_back=True)

    async def stop(self, why: str = "the worker stops", *, grace: float | None = None) -> None:
        """Take no more jobs, ask what runs to end, and give back uncounted what has not ended after the grace."""
        self.recall(why)
        await self._until_ended(self._grace if grace is None else grace)
        late = [task for _, task in self._running.values()]
        for run, task in list(self._running.values()):
            self._end(run, Returned(), 0.0)
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=LAST_SECONDS)

    async def run(self, *, until_idle: bool = False) -> None:
        """Work until `drain` or `stop` has done its part.

        An error of the engine itself, or its cancelling, ends it: what runs is stopped and given back, as far as the
        store takes it, before that is raised.

        Args:
            until_idle: Return also when nothing runs and nothing can be claimed any more.

        Raises:
            ExceptionGroup: Something failed that is neither a task nor the store.
        """
        try:
            await self._run(until_idle=until_idle)
        except (Exception, asyncio.CancelledError):
            await self._abandon()
            raise
        finally:
            self._performer.close()

    async def _run(self, *, until_idle: bool) -> None:
        async with asyncio.TaskGroup() as group:
            aides = [self._hear_for_ever(), self._reports.write_for_ever(), self._look_for_ever()]
            tasks = [group.create_task(aide) for aide in aides]
            while True:
                await self._exchange_while_useful()
                if not self._running and not self._ended and (self._is_draining or until_idle):
                    break
                await self._wake.wait()
                self._wake.clear()
                if self._fault is not None:
                    raise self._fault
            for task in tasks:
                task.cancel()

    async def _abandon(self) -> None:
        if self._is_stopping:
            return
        await self.stop("the engine fails")
        try:
            async with asyncio.timeout(self._grace):
                while self._ended or self._has_lost_claims:
                    await self._exchange()
        except Exception as error:  # noqa: BLE001 - there is one to raise already; a rescuer takes what is left
            self._emit(StoreFailing(verb="give jobs back", error=repr(error), retry_seconds=0.0))

    async def _until_ended(self, seconds: float) -> None:
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _exchange_while_useful(self) -> None:
        failures = 0
        while self._ended or self._has_lost_claims or self._claimable():
            try:
                await self._exchange()
                failures = 0
            except StoreError as error:
                failures += 1
                await self._pause("settle and claim", failures, error)

    def _claimable(self) -> int:
        """How many jobs to ask for now: none without a sign that there is anything to claim."""
        if self._is_draining or self._is_quiet or not self._may_have_more:
            return 0
        return self._concurrency - len(self._running)

    async def _exchange(self) -> None:
        """Settle what has ended and claim for the slots that are free, in one round trip."""
        if self._has_lost_claims:
            await self._adopt()
        ended, self._ended = self._ended, []
        wanted, heard = self._claimable(), self._notices
        try:
            await self._reports.write([entry.job.id for entry in ended])
            settled = await self._settle(ended, replace(self._request, limit=wanted) if wanted else None)
        except BaseException:
            for entry in ended:
                entry.was_sent = True
            self._ended = ended + self._ended
            self._has_lost_claims = self._has_lost_claims or wanted > 0
            raise
        for entry, verdict in zip(ended, settled.verdicts, strict=True):
            stored = await stored_before(self._store, entry) if verdict is Verdict.STALE else None
            if stored is None:
                self._note_verdict(entry, verdict)
            else:
                self._emit(JobSettled(job=entry.job, transition=stored, seconds=entry.seconds))
        self._start(settled.claimed)
        if wanted and len(settled.claimed) < wanted and heard == self._notices:
            self._may_have_more = False

    async def _settle(self, ended: list[Ended], request: ClaimRequest | None) -> Settled:
        try:
            return await self._store.settle([entry.transition for entry in ended], request)
        except StoreUnavailable:
            raise
        except Exception:
            # The store refuses something in this batch. Is it one of the ends, then its job fails and no other.
            if not ended:
                raise
            self._note_work()  # Nothing is claimed with them.
            return await settle_apart(self._store, ended, self._emit)

    async def _adopt(self) -> None:
        """Take up what was claimed by an exchange whose answer was lost: the store says it is ours."""
        held = await self._store.held(self._request.worker_id, self._request.engine)
        known = {entry.job.id for entry in self._ended} | self._running.keys()
        self._has_lost_claims = False
        self._start([job for job in held if job.id not in known])

    async def _pause(self, verb: str, failures: int, error: StoreError) -> None:
        seconds = pause_after(failures)
        self._emit(StoreFailing(verb=verb, error=str(error), retry_seconds=seconds))
        await asyncio.sleep(seconds)

    def _note_verdict(self, entry: Ended, verdict: Verdict) -> None:
        match verdict:
            case Verdict.APPLIED:
                self._emit(JobSettled(job=entry.job, transition=entry.transition, seconds=entry.seconds))
            case Verdict.STALE:
                self._emit(StaleWriteRefused(job_id=entry.job.id, token=entry.job.token, verb="settle"))
            case Verdict.CANCEL_REQUESTED:
                # The request came after the decision: decide again, knowing of it.
                asked = replace(entry.job, cancel_requested_at=entry.job.started_at or entry.job.created_at)
                self._note_end(asked, entry.outcome, entry.seconds, entry.run)

    def _start(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if self._is_stopping:  # Claimed by the exchange that was under way when the word came.
                self._note_end(job, Returned(), 0.0)
                continue
            run = Run(job, self._reports.note, self._closing)
            self._running[job.id] = (run, asyncio.create_task(self._perform(run)))
            self._emit(JobStarted(job=job))

    async def _perform(self, run: Run) -> None:
        began = time.monotonic()
        try:
            refused = await self._feeder.feed(run) if run.job.ties is not None and is_fed(run.job) else None
            outcome = await self._performer.execute(run) if refused is None else refused
            self._end(run, outcome, time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - no error of the task comes here: the engine itself is at fault
            self._fault = error
            self._wake.set()

    def _end(self, run: Run, outcome: Outcome, seconds: float) -> None:
        if self._holds(run):  # Else it was given back already; what came of it since is nobody's business.
            del self._running[run.job.id]
            if run.is_finished and run.finish is not None:
                self._note_finished(run.job, run.finish, outcome, seconds)
            else:
                self._note_end(run.job, outcome, seconds, run)

    def _note_finished(self, job: Job, finish: Transition, outcome: Outcome, seconds: float) -> None:
        """Let go of a job that has ended itself: its end is stored."""
        self._emit(JobSettled(job=job, transition=finish, seconds=seconds))
        if late := said_late(finish, outcome):
            self._emit(LateEndIgnored(job_id=job.id, what=late))
        self._wake.set()

    def _note_end(self, job: Job, outcome: Outcome, seconds: float, run: Run | None = None) -> None:
        transition = self._decide(job, outcome, chance=random.random())  # noqa: S311 - spreads retries, no secret
        self._given_back += transition.ending is Ending.RETURNED
        self._ended.append(Ended(job, outcome, transition, seconds, run))
        self._wake.set()

    def _holds(self, run: Run) -> bool:
        held = self._running.get(run.job.id)
        return held is not None and held[0] is run

    def _ask(self, run: Run, task: asyncio.Task[None], why: str | None, *, gives_back: bool = False) -> None:
        run.ask(why, gives_back=gives_back)
        self._performer.interrupt(run, task)

    async def _hear_for_ever(self) -> None:
        while True:
            try:
                await self._hear()
            except StoreError as error:
                self._deaf_times += 1
                await self._pause("listen", self._deaf_times, error)

    async def _hear(self) -> None:
        async with self._store.listen(_HEARD) as ear:
            self._note_work()  # What came before there was an ear.
            while True:
                await self._heed(await ear.next(POLL_SECONDS))
                self._deaf_times = 0

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self._note_work()
            await self._look_for_cancels()

    async def _heed(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            if notice.kind is NoticeKind.CANCEL:
                await self._look_for_cancels(notice.job_ids)
            elif self._request.queues is None or not notice.queue or notice.queue in self._request.queues:
                self._note_work()

    def _note_work(self) -> None:
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
            return  # The next look finds it.
        for job in stored:
            if job is not None and job.cancel_requested_at is not None:
                self._cancel(job)

    def _cancel(self, job: Job) -> None:
        run, task = self._running.get(job.id, (None, None))
        if run is None or task is None or run.job.token != job.token:
            return
        if run.is_asked and (run.is_forced or not job.cancel_forced):
            return  # It knows.
        run.is_forced = job.cancel_forced
        self._ask(run, task, job.cancel_reason)
