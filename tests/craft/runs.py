"""Runs without a store: a claimed job, and an executor to run it with."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from tests.craft.joined import KIND, JoiningStore
from workmill import App, Event, Job, JobState, Progress, current_job
from workmill.craft.closing import Closing
from workmill.craft.executor import Executor
from workmill.craft.run import Run
from workmill.craft.task import AnyTask
from workmill.craft.threads import Threads
from workmill.words.outcome import Failed, Outcome
from workmill.words.transition import decide

LONGEST_SECONDS = 10.0


def claimed(task: AnyTask, *args: Any, **kwargs: Any) -> Job:
    """Make the record of a job that a worker has claimed."""
    new, now = task.job(*args, **kwargs), datetime(2030, 1, 1, tzinfo=UTC)
    return Job(
        id=new.id,
        task=new.task,
        queue=new.queue,
        priority=new.priority,
        state=JobState.RUNNING,
        args=new.args,
        policy=new.policy,
        key=new.key,
        attempt=1,
        deaths=0,
        token=1,
        version=2,
        progress=None,
        result=None,
        failure=None,
        worker="w",
        engine=0,
        created_at=now,
        run_at=None,
        started_at=now,
        finished_at=None,
        expires_at=None,
        cancel_requested_at=None,
        cancel_reason=None,
    )


class Bench:
    """An executor of an application's tasks, what they said of their progress, and what else was told."""

    def __init__(self, app: App) -> None:
        self.threads = Threads(8)
        self.progress: list[Progress] = []
        self.events: list[Event] = []
        self._executor = Executor(app.tasks, app.program.middleware, self.threads)
        self._closing = Closing(app.tasks, JoiningStore(KIND), decide, self.events.append)

    def run_of(self, job: Job) -> Run:
        return Run(job, lambda _, progress: self.progress.append(progress), self._closing)

    async def outcome_of(self, work: Job | Run) -> Outcome:
        """Run a job to its end."""
        run = work if isinstance(work, Run) else self.run_of(work)
        async with asyncio.timeout(LONGEST_SECONDS):
            return await asyncio.create_task(self._executor.execute(run))  # with a context of its own, as in an engine


@asynccontextmanager
async def bench(app: App) -> AsyncIterator[Bench]:
    made = Bench(app)
    try:
        yield made
    finally:
        made.threads.close()


def failed(outcome: Outcome) -> Failed:
    """Return an outcome that must be a failure."""
    assert isinstance(outcome, Failed)
    return outcome


def wait_until_asked() -> None:
    """Keep the thread of a task busy until the task is asked to end."""
    asked = threading.Event()
    for _ in range(int(LONGEST_SECONDS * 1000)):
        if current_job.cancelled:
            return
        asked.wait(0.001)
