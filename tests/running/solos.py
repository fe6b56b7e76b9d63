"""An engine on the test's own loop whose jobs run in real solo processes, over a memory store."""

import asyncio
import os
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.running.fakes import Kept, new_worker
from tests.running.solo_tasks import app
from tests.running.tree import ROOT
from workmill import Job
from workmill.running.command import Target
from workmill.running.engine import Engine
from workmill.running.solo.performing import SoloProcesses
from workmill.stores.memory import MemoryStore, Vault
from workmill.testing import FakeClock
from workmill.words.job import Attempt

DEADLINE_SECONDS = 30.0
TARGET = Target(name="tests.running.solo_tasks:app", folder=ROOT)
WORKER = "w1"


class Mill:
    """A worker's engine of process tasks, its store and its processes."""

    def __init__(self, *, most: int, target: Target = TARGET) -> None:
        self.events = Kept()
        self.program = replace(app.program, emit=self._note).part(process=True)
        self.store = MemoryStore(Vault(), FakeClock())
        self.pids: tuple[int, ...] = ()
        self.solos = SoloProcesses(self.program, target, most, tell=self._note_pids)
        self.engine = Engine(
            program=self.program, store=self.store, worker_id=WORKER, concurrency=most, performer=self.solos
        )
        self.running: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()

    async def enqueue(self, task: str, *args: object, **options: Any) -> str:
        """Store a job of a task and return its id."""
        new = app.tasks[task].using(**options).job(*args)
        await self.store.enqueue([new])
        return new.id

    async def outcome_of(self, task: str, *args: object, **options: Any) -> Job:
        """Run a job to its end."""
        return await self.end_of(await self.enqueue(task, *args, **options))

    async def end_of(self, job_id: str) -> Job:
        """Wait for a job's end."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (job := await self.job(job_id)).state.is_final:
                self._changed.clear()
                await self._changed.wait()
        return job

    async def job(self, job_id: str) -> Job:
        (job,) = await self.store.get([job_id])
        assert job is not None
        return job

    async def attempts(self, job_id: str) -> list[Attempt]:
        return await self.store.attempts(job_id)

    async def until_gone(self, *pids: int) -> None:
        """Wait until processes have ended."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*[asyncio.to_thread(_wait_for_end, pid) for pid in pids])

    async def until_pids(self, count: int) -> tuple[int, ...]:
        """Wait until there are so many solo processes."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.pids) != count:
                self._changed.clear()
                await self._changed.wait()
        return self.pids

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self._changed.set()

    def _note_pids(self, pids: Any) -> None:
        self.pids = tuple(pids)
        self._changed.set()


@asynccontextmanager
async def mill(*, most: int = 2, target: Target = TARGET) -> AsyncIterator[Mill]:
    """Have an engine work while inside; leaving stops it, and waits until no process is left."""
    made = Mill(most=most, target=target)
    await made.store.register(replace(new_worker(WORKER, lease=3600), tasks=tuple(app.tasks)))
    running = made.running = asyncio.create_task(made.engine.run())
    try:
        yield made
    finally:
        await made.engine.stop(grace=0.0)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(running, return_exceptions=True)
            await made.solos.gone()
        assert made.pids == ()


async def word(file: Path) -> list[str]:
    """Wait for what a task leaves in a file."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not os.path.exists(file):  # noqa: ASYNC110, ASYNC240, PTH110 - the file is another process's word
            await asyncio.sleep(0.005)
    return (await asyncio.to_thread(file.read_text)).split()


def _wait_for_end(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable, _, _ = select.select([handle], [], [], DEADLINE_SECONDS)
        assert readable, f"process {pid} lives on"
    finally:
        os.close(handle)
