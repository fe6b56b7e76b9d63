"""A job that blocks its worker's event loop for longer than the lease, in true time, beside a second worker."""

import asyncio
import threading
import time
from datetime import timedelta
from pathlib import Path

from proof.checking.faulting import Faults
from proof.checking.verdict import check
from proof.checking.violation import Violation
from proof.histories.calling import Caller
from proof.histories.dump import take_dump
from proof.histories.history import read_history
from proof.histories.noting import Noting, note_event
from proof.histories.pen import Pen
from workmill import App
from workmill.craft.program import Program
from workmill.running.options import WorkerOptions
from workmill.running.worker import working
from workmill.store import JobFilter, Store

LEASE_SECONDS = 1.0
BLOCKED_SECONDS = 2.5
DEADLINE_SECONDS = 20.0


async def play_blocking(folder: Path) -> list[Violation]:
    """Play it and check."""
    pen = Pen(folder, "act")
    app = App("memory://", middleware=[Noting(pen)])
    app.observe(lambda event: note_event(pen, event))

    @app.task
    async def blocking() -> str:
        time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 - that is what it is about
        return "done"

    program, over = app.program, threading.Event()
    store = program.open_store()
    await Caller(store, pen).enqueue([blocking.job()])
    workers = [threading.Thread(target=asyncio.run, args=(_work(program, over),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        ended = await _until_final(store)
    finally:
        over.set()
        for worker in workers:
            await asyncio.to_thread(worker.join, DEADLINE_SECONDS)
    stuck = [] if ended else [Violation(invariant="G2 no loss", job="", text="a job does not end")]
    history = read_history(folder)
    return stuck + check(history, await take_dump(store), Faults(history, tail=0.0))


async def _work(program: Program, over: threading.Event) -> None:
    options = WorkerOptions(concurrency=1, lease=timedelta(seconds=LEASE_SECONDS))
    async with working(program, options):
        await asyncio.to_thread(over.wait, DEADLINE_SECONDS)


async def _until_final(store: Store) -> bool:
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < ends_at:
        page = await store.find(JobFilter(), limit=10, cursor=None)
        if all(job.state.is_final for job in page.jobs):
            return True
        await asyncio.sleep(0.05)
    return False
