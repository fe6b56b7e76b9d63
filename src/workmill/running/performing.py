"""Where the code of an engine's jobs runs."""

import asyncio
from typing import Protocol

from workmill.craft.executor import Executor
from workmill.craft.program import Program
from workmill.craft.run import Run
from workmill.craft.threads import Threads
from workmill.words.outcome import Outcome


class Performer(Protocol):
    """Runs the code of jobs for one engine, on the engine's event loop."""

    async def execute(self, run: Run) -> Outcome:
        """Run the job's code to its end, and say what became of it. Cancelled, it lets go of the job.

        Raises:
            Exception: The performer itself is at fault, and with it the engine.
        """

    def interrupt(self, run: Run, task: "asyncio.Task[None]") -> None:
        """See to it that a run that was asked to end does, as far as that can be; `task` awaits its `execute`."""

    def close(self) -> None:
        """Run nothing any more; what runs is heard no more."""

    async def gone(self) -> None:
        """Wait until nothing is left of what it has started, as far as it can be ended; after `close`."""


class OwnProcess:
    """Runs jobs in this process: `async def` tasks on the loop, plain functions in threads."""

    def __init__(self, program: Program, concurrency: int) -> None:
        self._tasks = program.tasks
        self._threads = Threads(concurrency)
        self._executor = Executor(program.tasks, program.middleware, self._threads)

    async def execute(self, run: Run) -> Outcome:
        """Run the job's code to its end."""
        return await self._executor.execute(run)

    def interrupt(self, run: Run, task: "asyncio.Task[None]") -> None:
        """Interrupt an `async def` task; a thread looks for itself."""
        known = self._tasks.get(run.job.task)
        # What has not begun sees the request before it begins; an asyncio task cancelled then would never say so.
        if known is not None and known.is_async and run.has_begun:
            task.cancel()

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()

    async def gone(self) -> None:
        """Wait for nothing: no thread can be ended."""
