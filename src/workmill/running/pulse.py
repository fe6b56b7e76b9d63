"""How an engine child does, seen from a thread of its own: does its loop turn, who keeps it, does a job overstay."""

import asyncio
import sys
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from typing import TypeAlias

from workmill.craft.run import Run
from workmill.running.elapsed import Elapsed
from workmill.running.protocol import Pong
from workmill.running.where import where_runs, where_thread
from workmill.words.events import Event, JobSettled

BLOCKED_SECONDS = 0.9
"""From so long a standstill on it is looked who keeps the loop: from one ping to the next."""

Runs: TypeAlias = Callable[[], Sequence[tuple[Run, "asyncio.Task[None]"]]]
"""Answers what an engine runs now, with the asyncio task that awaits it; from any thread."""


class Attendance:
    """Knows which runs of an engine should have ended, by looking about every second.

    A run counts from the look that first saw it. So a job that is shorter than that costs nothing, and one that must
    end is found at most one look late.

    Args:
        grace_seconds: How long a run may go on when its time is over or it was asked to end.
    """

    def __init__(self, grace_seconds: float, *, clock: Elapsed = time.monotonic) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._seen: dict[Run, float] = {}
        self._asked: dict[Run, float] = {}

    def overstayed(self, runs: Sequence[Run]) -> list[Run]:
        """Look at what runs now, and return what should have ended."""
        now = self._clock()
        self._seen = {run: self._seen.get(run, now) for run in runs}
        self._asked = {run: self._asked.get(run, now) for run in runs if run.is_asked}
        return [run for run in runs if run.is_forced or now - self._must_end_at(run) > self._grace_seconds]

    def _must_end_at(self, run: Run) -> float:
        limit = run.job.policy.timeout
        over_at = float("inf") if limit is None else self._seen[run] + limit.total_seconds()
        return min(over_at, self._asked.get(run, over_at))


class Pulse:
    """Answers pings for one event loop, which runs in the thread that makes this; it may stand still meanwhile."""

    def __init__(self, loop: AbstractEventLoop, *, clock: Elapsed = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._thread = threading.get_ident()
        self._beaten_at: float | None = None
        self._runs: Runs = list
        self._attendance = Attendance(0.0)
        self._jobs = 0

    def watch(self, runs: Runs, attendance: Attendance) -> None:
        """Look at an engine's runs from now on."""
        self._runs, self._attendance = runs, attendance

    def note(self, event: Event) -> None:
        """Count the jobs that end."""
        if isinstance(event, JobSettled):
            self._jobs += 1

    def take(self) -> Pong:
        """Say how it does. From any thread, but one at a time."""
        lag, runs = self._lag(), self._runs()
        late = set(self._attendance.overstayed([run for run, _ in runs]))
        if lag < BLOCKED_SECONDS:
            stack = where_runs([each for each in runs if each[0] in late]) if late else ""
            return Pong(lag_seconds=lag, has_overstayed=bool(late), jobs=self._jobs, stack=stack)
        run = _run_of(self._loop, runs)
        return Pong(
            lag_seconds=lag,
            has_overstayed=bool(late),
            job_id=None if run is None else run.job.id,
            task=None if run is None else run.job.task,
            jobs=self._jobs,
            stack=where_thread(self._thread),
        )

    def _lag(self) -> float:
        """Return how long the last beat has been awaited; when there was none, ask for the next."""
        now = self._clock()
        if self._beaten_at is not None:
            return now - self._beaten_at
        self._beaten_at = now
        try:
            self._loop.call_soon_threadsafe(self._beat)
        except RuntimeError:  # The loop is closed: the child is ending by itself.
            self._beaten_at = None
        return 0.0

    def _beat(self) -> None:
        self._beaten_at = None


def _run_of(loop: AbstractEventLoop, runs: Sequence[tuple[Run, "asyncio.Task[None]"]]) -> Run | None:
    """Return whose code the loop runs just now."""
    task = asyncio.current_task(loop)
    if task is None:
        return None
    if sys.version_info >= (3, 12):  # pragma: no cover - before, only a job's own asyncio task tells whose it is
        return Run.of(task.get_context())
    return next((run for run, own in runs if own is task), None)
