"""The supervisor's vigil: which engine children do not do well, and the end of those whose jobs overstay."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from workmill.running.crew import Crew
from workmill.running.elapsed import Sleep
from workmill.running.engine_process import EngineProcess
from workmill.running.overstay import overstay
from workmill.running.patience import pause_after
from workmill.running.protocol import Recall
from workmill.running.pulse import BLOCKED_SECONDS
from workmill.running.race import race
from workmill.store import Store
from workmill.words.emit import Emit
from workmill.words.errors import StoreError
from workmill.words.events import EngineStuck
from workmill.words.job import Job

PING_SECONDS = 1.0
"""How often each child is asked how it does."""
MOST_MISSED = 3
"""A child that has missed so many answers is frozen, or its code keeps Python's lock."""
SAY_SECONDS = 10.0
"""How often it is said at most that one child stands still."""
ANSWER_SECONDS = 5.0
"""How long the store may take to tell what a child holds; later it is asked again."""
RECALL_SECONDS = 2.0
"""How long the other jobs of a child may take to end and go back before it is killed."""
SOLO_GRACE = timedelta(seconds=10)
"""How much longer jobs with a process of their own may go on: their engine ends them, step by step."""


class Vigil:
    """Watches the children of one crew, and has those replaced that hold jobs which have overstayed.

    ```
    fine ◄──► suspect: a job overstays, the loop stands still, or no answer comes
                 │ the store says: a job is overdue (else it is suspect, nothing more: to block alone is no crime)
                 ▼
              its successor is ready ──► recalled ──2 s, none where it cannot hear──► its stack is taken ──► killed
    ```

    It is buried then: only now, when nothing of it runs, its jobs are settled. A child whose successor cannot be had
    goes on while its loop turns, as its other jobs do, and is tried again; one that stands still is killed.

    Args:
        grace: How long a job may go on when its time is over or it was cancelled.
    """

    def __init__(
        self,
        *,
        crew: Crew,
        store: Store,
        worker_id: str,
        grace: timedelta,
        emit: Emit,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._crew = crew
        self._store = store
        self._worker_id = worker_id
        self._grace = grace
        self._emit = emit
        self._sleep = sleep
        self._judged: set[EngineProcess] = set()
        self._rounds = 0
        self._said: dict[EngineProcess, int] = {}
        self._failures = 0

    async def keep(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._sleep(PING_SECONDS)
                self._rounds += 1
                for process in self._crew.present:
                    self._look_at(process, group)

    def _look_at(self, process: EngineProcess, group: asyncio.TaskGroup) -> None:
        process.ping()
        if is_stuck(process) and self._may_say(process):
            group.create_task(self._say_stuck(process))
        if is_suspect(process) and process not in self._judged and not self._crew.is_ending:
            self._judged.add(process)
            group.create_task(self._judge(process))

    async def _judge(self, process: EngineProcess) -> None:
        """Have a suspect replaced if one of its jobs is overdue; till it is gone, or cleared, nobody else judges it."""
        try:
            overdue = await self._overdue(process)
            if overdue and process in self._crew.present and not self._crew.is_ending:
                await self._replace(process, overdue)
        finally:
            self._judged.discard(process)

    async def _overdue(self, process: EngineProcess) -> Sequence[Job]:
        grace = self._grace + SOLO_GRACE if process.solos else self._grace
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                held, now = await self._store.held(self._worker_id, process.number), await self._store.now()
        except (StoreError, TimeoutError):
            return ()  # It is asked again, as long as the child is suspect.
        return [job for job in held if overstay(job, now, grace) is not None]

    async def _replace(self, process: EngineProcess, overdue: Sequence[Job]) -> None:
        if process not in self._crew.at_work:
            await self._see_off(process)
            return
        why = f"job {overdue[0].id} {overdue[0].task} has overstayed"
        if await self._crew.relieve(process, why=why, grace_seconds=None, see_off=self._see_off):
            self._failures = 0
            await process.ended()
        elif process in self._crew.at_work:
            await self._do_without_successor(process)

    async def _do_without_successor(self, process: EngineProcess) -> None:
        if is_stuck(process):
            await self._see_off(process)
        else:
            self._failures += 1
            await self._sleep(pause_after(self._failures))

    async def _see_off(self, process: EngineProcess) -> None:
        """Let what can end in a child that leaves end, then kill it."""
        if not is_stuck(process):
            process.say(Recall())
            await race(process.ended(), self._sleep(RECALL_SECONDS))
        if process.missed or not process.pong.stack:
            await process.write_stack()
        else:
            process.last_stack = process.pong.stack
        if not process.has_ended:
            process.is_dismissed = True
            process.kill()
            await process.ended()

    def _may_say(self, process: EngineProcess) -> bool:
        last = self._said.get(process)
        if last is not None and (self._rounds - last) * PING_SECONDS < SAY_SECONDS:
            return False
        self._said = {each: at for each, at in self._said.items() if each in self._crew.present}
        self._said[process] = self._rounds
        return True

    async def _say_stuck(self, process: EngineProcess) -> None:
        pong, silent = process.pong, process.missed * PING_SECONDS
        if silent:
            await process.write_stack()
        self._emit(
            EngineStuck(
                worker_id=self._worker_id,
                engine=process.number,
                pid=process.pid,
                seconds=max(silent, pong.lag_seconds),
                job_id=None if silent else pong.job_id,
                task=None if silent else pong.task,
                stack=process.last_stack if silent else pong.stack,
            )
        )


def is_stuck(process: EngineProcess) -> bool:
    """Whether a child's event loop does not turn, or it does not answer."""
    return process.missed >= MOST_MISSED or process.pong.lag_seconds >= BLOCKED_SECONDS


def is_suspect(process: EngineProcess) -> bool:
    """Whether it may hold a job that has overstayed."""
    return is_stuck(process) or process.pong.has_overstayed
