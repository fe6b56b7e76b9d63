"""Bugs planted in the running floor and in the rules: each is what a careless worker would do."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from unittest.mock import patch

from workmill.craft.run import Run
from workmill.running import engine, rescuer, taking, worker
from workmill.running.lease_thread import LeaseThread
from workmill.running.taking import OutcomeOf, Taken, take_held
from workmill.store import Store
from workmill.words import transition
from workmill.words.job import Ending, Job, JobState
from workmill.words.outcome import Failure, FailureKind, Interrupted, Succeeded
from workmill.words.transition import Transition

# ruff: noqa: SLF001 - a planted bug reaches into what it spoils
A_FAST_CLOCK = timedelta(hours=1)


def rescue_without_token() -> AbstractContextManager[object]:
    """Take a job from whoever has it now, and not only from whom it was seen with."""
    right = taking._settle

    async def settle(store: Store, jobs: Sequence[Job], outcome_of: OutcomeOf, taken: Taken) -> None:
        newest = [job for job in await store.get([job.id for job in jobs]) if job is not None]
        await right(store, newest, outcome_of, taken)

    return patch.object(taking, "_settle", settle)


def rescue_by_the_workers_clock() -> AbstractContextManager[object]:
    """Compare the ends of leases with the clock of the machine, which is an hour fast."""

    async def rescue(rescue: rescuer._Rescue) -> float:
        store = rescue._store
        failure = Failure(kind=FailureKind.INTERRUPTED, type="LeaseEnded", message="by this machine's clock")
        for each in await store.workers():
            if each.lease_ends_at < await store.now() + A_FAST_CLOCK:
                await take_held(store, each.id, Interrupted(failure=failure))
        return rescuer.POLL_SECONDS

    return patch.object(rescuer._Rescue, "rescue", rescue)


def settle_before_run() -> AbstractContextManager[object]:
    """Settle a job first and run it then."""
    right = engine.Engine._perform

    async def perform(self: engine.Engine, run: Run) -> None:
        self._end(run, Succeeded(result=b"null"), 0.0)
        await right(self, run)

    return patch.object(engine.Engine, "_perform", perform)


def lost_claim_not_adopted() -> AbstractContextManager[object]:
    """Forget what was claimed by an exchange whose answer was lost."""

    async def adopt(self: engine.Engine) -> None:
        self._has_lost_claims = False

    return patch.object(engine.Engine, "_adopt", adopt)


def ends_dropped_when_the_store_fails() -> AbstractContextManager[object]:
    """Forget what could not be settled at the first try."""
    right = engine.Engine._exchange

    async def exchange(self: engine.Engine) -> None:
        try:
            await right(self)
        except BaseException:
            self._ended = []
            raise

    return patch.object(engine.Engine, "_exchange", exchange)


def death_not_counted() -> AbstractContextManager[object]:
    """Run a job again as if its worker had not died."""

    def after_death(job: Job, failure: Failure) -> Transition:
        return transition._again(
            job, JobState.QUEUED, Ending.INTERRUPTED, attempt=job.attempt - 1, deaths=job.deaths, failure=failure
        )

    return patch.object(transition, "_after_death", after_death)


def give_back_counted() -> AbstractContextManager[object]:
    """Count a run that a stopping worker gave back as an attempt."""
    right = transition._again

    def again(
        job: Job,
        state: JobState,
        ending: Ending,
        *,
        attempt: int | None = None,
        deaths: int | None = None,
        delay: timedelta | None = None,
        failure: Failure | None = None,
    ) -> Transition:
        kept = None if ending is Ending.RETURNED else attempt
        return right(job, state, ending, attempt=kept, deaths=deaths, delay=delay, failure=failure)

    return patch.object(transition, "_again", again)


def heartbeat_in_the_engines_loop() -> AbstractContextManager[object]:
    """Renew the lease on the loop that runs user code."""

    class LeaseOnLoop(LeaseThread):
        def start(self) -> None:
            self._keeping = asyncio.get_running_loop().create_task(self._keep())

        async def end(self) -> None:
            self._is_leaving.set()
            await self._keeping

    return patch.object(worker, "LeaseThread", LeaseOnLoop)
