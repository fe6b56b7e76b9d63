"""One attempt in a solo process: sent there, watched, made to end where it must, and judged."""

import asyncio
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from workmill.craft.executor import TimeLimitExceeded
from workmill.craft.isolation import Isolation
from workmill.craft.run import Run, Stage
from workmill.running.solo.memory import KernelKills, memory_of
from workmill.running.solo.process import Death, SoloProcess
from workmill.running.solo.verdict import (
    CancelRequest,
    Cause,
    Course,
    Excess,
    Overtime,
    Stopping,
    outcome_of_death,
    outcome_of_end,
)
from workmill.running.solo.words import Ask, Ended, Finishing, Message, Perform, Told
from workmill.running.stack import STACK_SECONDS
from workmill.words.outcome import Outcome

TERM_SECONDS = 2.0
"""How long a process may take to end after SIGTERM."""
MEASURE_SECONDS = 0.1
"""How often memory is measured while a job with a limit runs."""


class Attempt:
    """One attempt, from the sending of the job to its verdict.

    ```
    running ──ended, died──────────────────────────────────────────────────────────────► verdict
       │                                                                                    ▲
       ├──time over, cancelled──► asked ──grace──► stack ──► SIGTERM ──2 s──► SIGKILL ──died─┤
       ├──cancelled by force──────────────────────► stack ──► SIGTERM ──2 s──► SIGKILL ──died─┤
       ├──worker stops──────────► asked ─────────────────────────────────────────────ended──┤
       └──too much memory───────► stack ──► SIGKILL ─────────────────────────────────died────┘
    ```

    In each of these states it may end or die. A worker that stops has a grace of its own, at whose end it gives the job
    back and discards the process.

    Attributes:
        verdict: What became of it.
        is_clean: Whether it ended in a way after which the process can run another job.
    """

    def __init__(self, run: Run, solo: SoloProcess, isolation: Isolation, kernel_kills: KernelKills) -> None:
        self.is_clean = False
        self._run = run
        self._solo = solo
        self._isolation = isolation
        self._loop = asyncio.get_running_loop()
        self.verdict: asyncio.Future[Outcome] = self._loop.create_future()
        self._cause: Cause | None = None
        self._pushed_at = 0.0
        self._was_hit = False
        self._kernel_kills = kernel_kills
        self._next_step: asyncio.TimerHandle | None = None
        self._next_measure: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Send the job, and begin to watch."""
        self._solo.heed, self._solo.mourn = self._heed, self._mourn
        self._solo.say(Perform(job=self._run.job))
        limit = self._run.job.policy.timeout
        if limit is not None:
            self._next_step = self._loop.call_later(limit.total_seconds(), self._reach_limit, limit)
        if self._isolation.memory is not None:
            self._next_measure = self._loop.call_later(MEASURE_SECONDS, self._measure, self._isolation.memory)

    def ask(self) -> None:
        """Have the task end, as the run was asked to: at once where it is forced, also if it has been asked before."""
        if self.verdict.done():
            return
        if self._cause is None:
            self._push(Stopping() if self._run.is_given_back else CancelRequest(reason=self._run.reason))
        if self._run.is_forced and not self._was_hit:
            self._write_stack_and(self._terminate)

    def end(self) -> None:
        """Watch no more."""
        self._cancel_timers()
        self._solo.heed, self._solo.mourn = _ignore, _ignore

    def _heed(self, message: Message) -> None:
        if isinstance(message, Told):
            self._run.tell(message.progress)
        elif isinstance(message, Finishing):
            self._run.finish = message.transition
        elif isinstance(message, Ended) and not self.verdict.done():
            self.is_clean = not self._was_hit
            self._run.stage = Stage.FINISHED if message.has_finished else Stage.OPEN
            self._conclude(outcome_of_end(self._course(), message.outcome))

    def _mourn(self, death: Death) -> None:
        if not self.verdict.done():
            by_kernel = death.exit_code == -signal.SIGKILL and self._kernel_kills.have_risen()
            self._conclude(outcome_of_death(self._course(), death, by_kernel=by_kernel))

    def _conclude(self, outcome: Outcome) -> None:
        self._cancel_timers()
        self.verdict.set_result(outcome)

    def _course(self) -> Course:
        seconds = 0.0 if self._cause is None else self._loop.time() - self._pushed_at
        return Course(cause=self._cause, seconds=seconds, was_hit=self._was_hit)

    def _reach_limit(self, limit: timedelta) -> None:
        if self._cause is None:
            self._run.ask(str(TimeLimitExceeded(limit)))
            self._push(Overtime(limit=limit))

    def _push(self, cause: Cause) -> None:
        self._cause, self._pushed_at = cause, self._loop.time()
        self._solo.say(Ask(reason=self._run.reason, gives_back=self._run.is_given_back))
        if not isinstance(cause, Stopping):
            self._step_after(self._isolation.grace.total_seconds(), partial(self._write_stack_and, self._terminate))

    def _measure(self, limit: int) -> None:
        taken = memory_of(self._solo.pid)
        if taken <= limit:
            self._next_measure = self._loop.call_later(MEASURE_SECONDS, self._measure, limit)
            return
        if self._cause is None:
            self._cause, self._pushed_at = Excess(limit=limit, taken=taken), self._loop.time()
        self._write_stack_and(self._solo.kill)

    def _write_stack_and(self, step: Callable[[], None]) -> None:
        self._was_hit = True
        self._solo.write_stack()
        self._step_after(STACK_SECONDS, step)

    def _terminate(self) -> None:
        self._solo.terminate()
        self._step_after(TERM_SECONDS, self._solo.kill)

    def _step_after(self, seconds: float, step: Callable[[], None]) -> None:
        if self._next_step is not None:
            self._next_step.cancel()
        self._next_step = self._loop.call_later(seconds, step)

    def _cancel_timers(self) -> None:
        for timer in (self._next_step, self._next_measure):
            if timer is not None:
                timer.cancel()


def _ignore(_: object) -> None:
    return
