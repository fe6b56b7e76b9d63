"""What a running task can know and say of itself, through `current_job`."""

import math
from collections.abc import Callable
from contextvars import ContextVar

from workmill.craft.evidence import one_text
from workmill.words.errors import InvalidOption
from workmill.words.job import Job, Progress
from workmill.words.signals import Cancel

MESSAGE_CHARACTERS = 1000
_running: "ContextVar[Run]" = ContextVar("workmill_run")


class Run:
    """One attempt while it runs: the job as claimed, and whether it was asked to end.

    Shared by the engine's loop and the thread that runs the task; every field is written by one of them only.
    """

    __slots__ = ("_on_progress", "has_begun", "is_asked", "is_given_back", "is_heeded", "job", "reason")

    def __init__(self, job: Job, on_progress: Callable[["Run", Progress], None]) -> None:
        self.job = job
        self.has_begun = False
        self.is_asked = False
        self.is_heeded = False
        self.is_given_back = False
        """Whether it was asked because its worker stops, so that it will run again elsewhere."""
        self.reason: str | None = None
        self._on_progress = on_progress

    def ask(self, reason: str | None, *, gives_back: bool = False) -> None:
        """Ask the task to end; it sees so at its next look at `current_job.cancelled`."""
        self.reason = reason
        self.is_given_back = gives_back
        self.is_asked = True

    def heed(self) -> bool:
        """Tell the task whether it was asked to end, and remember that it knows."""
        self.is_heeded = self.is_heeded or self.is_asked
        return self.is_asked

    def tell(self, progress: Progress) -> None:
        """Hand a progress to the engine."""
        self._on_progress(self, progress)

    def begin(self) -> None:
        """Make this the run that `current_job` speaks of, in the present context."""
        self.has_begun = True
        _running.set(self)


class CurrentJob:
    """The job that runs here, for the code of its task; the same object everywhere, each task sees its own job."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self._run.job.id

    @property
    def task(self) -> str:
        """The task's name."""
        return self._run.job.task

    @property
    def queue(self) -> str:
        """The queue that the job came by."""
        return self._run.job.queue

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._run.job.attempt

    @property
    def cancelled(self) -> bool:
        """Whether the job should end now: it was cancelled, its time is over, or its worker stops.

        A task that has seen this and then returns counts as having heeded it: whatever it returns is not kept.
        An `async def` task is interrupted by `asyncio.CancelledError` instead. False where the task was called as a
        plain function, outside a job.
        """
        run = _running.get(None)
        return run is not None and run.heed()

    def check_cancelled(self) -> None:
        """Raise `Cancel` where the job should end now, else do nothing: for the head of a loop."""
        if self.cancelled:
            raise Cancel(self._run.reason)

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the job is: `current` of `total` in units of your own, with a line of text.

        Cheap and safe from any thread: it is written by the engine soon after, the latest one wins, and it is
        dropped where this worker has lost the job, and where the task was called as a plain function, outside a job.
        A text longer than 1,000 characters is cut.

        Raises:
            InvalidOption: A number is none, or not finite.
        """
        said = Progress(
            current=_number("current", current),
            total=None if total is None else _number("total", total),
            message=None if message is None else one_text(message)[:MESSAGE_CHARACTERS],
        )
        run = _running.get(None)
        if run is not None:
            run.tell(said)

    @property
    def _run(self) -> Run:
        try:
            return _running.get()
        except LookupError:
            raise RuntimeError("current_job is only there inside a running task") from None


def _number(option: str, number: float) -> float:
    try:
        # Numbers of other libraries are taken too, in Python's own types, which every store can write.
        plain = number if type(number) is int else float(number)
        if math.isfinite(plain):
            return plain
    except (TypeError, ValueError, OverflowError):
        pass
    raise InvalidOption(f"progress.{option}", number, "give a finite number")


current_job = CurrentJob()
