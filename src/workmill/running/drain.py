"""Run what waits, here and now, until nothing is left: for tests, and for programs that work off a queue and end."""

import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from workmill.craft.program import Program
from workmill.running.declaring import declare
from workmill.running.engine import Engine
from workmill.store import NewWorker, Store
from workmill.words.emit import Emit
from workmill.words.events import Event, JobStarted
from workmill.words.job import Job, JobState
from workmill.words.outcome import Outcome
from workmill.words.transition import Transition, decide

LEASE = timedelta(hours=1)
"""Nobody renews it: a drain is short, and if it dies its jobs wait this long for another worker."""
PROMOTED_AT_ONCE = 1000


async def drain(
    program: Program,
    store: Store,
    *,
    queues: tuple[str, ...] | None = None,
    skip_delays: bool = False,
    limit: int | None = None,
) -> int:
    """Run jobs one after another until none is claimable, and return how many attempts were started.

    They go the way of every job: claimed under a lease, run by the engine, settled in the store. Jobs that become due
    meanwhile are run too. One that waits for another job of the same drain waits for ever.

    Args:
        program: The application.
        store: An open store of this event loop.
        queues: The queues to take from; None for all.
        skip_delays: Repeat what failed at once, however long its policy would wait. What was snoozed, or was given a
            time when it was enqueued, still waits for its time.
        limit: Start no more attempts than this.

    Raises:
        StoreError: The store failed before the first job was claimed.
    """
    gauge = _Gauge(program.emit, limit)
    watched = replace(program, emit=gauge.emit)
    rule = _repeated_at_once if skip_delays else decide
    await declare(program, store)
    while not gauge.is_full:
        async with _registered(program, store, queues) as worker_id:
            engine = Engine(
                program=watched, store=store, worker_id=worker_id, queues=queues, concurrency=1, decide=rule
            )
            await gauge.watch(engine)
            is_live = (await store.renew(worker_id)).is_live
        promoted = (await store.promote(PROMOTED_AT_ONCE)).count
        if is_live and not promoted:
            break
    return gauge.started


class _Gauge:
    """Counts attempts as they start, and closes the engine when there are enough of them."""

    def __init__(self, emit: Emit, limit: int | None) -> None:
        self._emit = emit
        self._limit = limit
        self._engine: Engine | None = None
        self.started = 0

    @property
    def is_full(self) -> bool:
        return self._limit is not None and self.started >= self._limit

    async def watch(self, engine: Engine) -> None:
        self._engine = engine
        await engine.run(until_idle=True)

    def emit(self, event: Event) -> None:
        self._emit(event)
        if isinstance(event, JobStarted):
            self.started += 1
            if self.is_full and self._engine is not None:
                self._engine.drain()


def _repeated_at_once(job: Job, outcome: Outcome, *, chance: float) -> Transition:
    transition = decide(job, outcome, chance=chance)
    return replace(transition, delay=timedelta(0)) if transition.state is JobState.RETRYING else transition


@asynccontextmanager
async def _registered(program: Program, store: Store, queues: tuple[str, ...] | None) -> AsyncIterator[str]:
    worker_id = str(uuid.uuid4())
    await store.register(
        NewWorker(
            id=worker_id,
            name=f"drain-{os.getpid()}",
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=queues,
            tasks=tuple(program.tasks),
            concurrency=1,
            lease=LEASE,
        )
    )
    try:
        yield worker_id
    finally:
        await store.leave(worker_id)
