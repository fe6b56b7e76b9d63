"""The performer of an engine whose jobs get processes of their own."""

import asyncio
from collections.abc import Callable, Sequence

from workmill.craft.executor import ended_as_asked
from workmill.craft.isolation import Isolation
from workmill.craft.program import Program
from workmill.craft.run import Run
from workmill.running.command import Target
from workmill.running.solo.attempt import Attempt
from workmill.running.solo.memory import KernelKills, can_measure_memory
from workmill.running.solo.pool import Pool
from workmill.running.wear import NO_LIMITS, Limits
from workmill.words.errors import ConfigError
from workmill.words.outcome import Outcome


def check_memory_limits(program: Program) -> None:
    """Refuse memory limits where nobody could hold them.

    Raises:
        ConfigError: A task has one, and this system does not tell how much memory a process takes.
    """
    limited = sorted(name for name, task in program.tasks.items() if task.isolation and task.isolation.memory)
    if limited and not can_measure_memory():
        named = ", ".join(limited)
        raise ConfigError(f"this system has no /proc, so memory= on {named} cannot be held; take it away, or use Linux")


class SoloProcesses:
    """Runs each job in a process of its own that runs no other meanwhile; no job's code runs in this one.

    Args:
        program: What the processes load, too; it says how each task is isolated.
        target: How they load it.
        most: How many there are at most.
        limits: When one has run enough, and another takes its place.
        tell: Is told their process ids, whenever they change.
    """

    def __init__(
        self,
        program: Program,
        target: Target,
        most: int,
        *,
        limits: Limits = NO_LIMITS,
        tell: Callable[[Sequence[int]], None] = lambda _: None,
    ) -> None:
        self._tasks = program.tasks
        self._pool = Pool(target, most, limits=limits, tell=tell)
        self._kernel_kills = KernelKills()
        self._attempts: dict[Run, Attempt] = {}

    def warm_up(self) -> None:
        """Have a process ready before the first job comes."""
        self._pool.warm_up()

    async def execute(self, run: Run) -> Outcome:
        """Run the job's code to its end, or to its process's. Cancelled, it kills that process.

        Raises:
            SoloFailure: No process can be had.
        """
        solo = None if run.is_asked else await self._pool.take()
        if solo is None:
            return ended_as_asked(run)
        if run.is_asked:
            self._pool.give_back(solo)
            return ended_as_asked(run)
        attempt = self._attempts[run] = Attempt(run, solo, self._isolation(run), self._kernel_kills)
        attempt.begin()
        try:
            return await attempt.verdict
        finally:
            del self._attempts[run]
            attempt.end()
            (self._pool.give_back if attempt.is_clean else self._pool.discard)(solo)

    def interrupt(self, run: Run, task: "asyncio.Task[None]") -> None:  # noqa: ARG002 - the process is what is ended
        """Ask the task to end and, unless its worker stops, make its process end when it does not."""
        attempt = self._attempts.get(run)
        if attempt is not None:
            attempt.ask()  # Else it has not begun, and sees so before it begins.

    def close(self) -> None:
        """Let the processes go that are idle, and kill the others with all they started."""
        self._pool.close()

    async def gone(self) -> None:
        """Wait until no process is left, after `close`."""
        await self._pool.gone()

    def _isolation(self, run: Run) -> Isolation:
        known = self._tasks.get(run.job.task)
        return (known and known.isolation) or Isolation()
