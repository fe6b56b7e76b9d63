"""One attempt while it runs, as its engine and its task's code see it together."""

from collections.abc import Callable
from contextvars import Context, ContextVar
from enum import Enum, auto

from workmill.craft.closing import Closing
from workmill.words.errors import JobLost
from workmill.words.job import Job, Progress
from workmill.words.transition import Transition

_running: "ContextVar[Run]" = ContextVar("workmill_run")


class Stage(Enum):
    """How far an attempt is with ending itself in a transaction of its task's own.

    ```
    OPEN ──finish_in entered──► CLOSING ──committed──► FINISHED
     ▲                            │  │
     └────────rolled back─────────┘  └──the store says stale, rolled back──► LOST
    ```
    """

    OPEN = auto()
    CLOSING = auto()
    FINISHED = auto()
    LOST = auto()


class Run:
    """One attempt while it runs: the job as claimed, whether it was asked to end, and whether it has ended itself.

    Shared by the engine's loop and the thread that runs the task; every field is written by one of them only.

    Attributes:
        is_forced: Whether it is not only asked but made to end, without a grace.
        is_given_back: Whether it was asked because its worker stops, so that it will run again elsewhere.
        closing: How it is ended in a transaction of the task's own.
        stage: How far it is with that.
        finish: What was stored so, or may have been where the answer to a commit was lost.
        loss: What its task was told in stage `LOST`.
    """

    __slots__ = (
        "_on_progress",
        "closing",
        "finish",
        "has_begun",
        "is_asked",
        "is_forced",
        "is_given_back",
        "is_heeded",
        "job",
        "loss",
        "reason",
        "stage",
    )

    def __init__(self, job: Job, on_progress: Callable[["Run", Progress], None], closing: Closing) -> None:
        self.job = job
        self.has_begun = False
        self.is_asked = False
        self.is_forced = False
        self.is_heeded = False
        self.is_given_back = False
        self.reason: str | None = None
        self.closing = closing
        self.stage = Stage.OPEN
        self.finish: Transition | None = None
        self.loss: JobLost | None = None
        self._on_progress = on_progress

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, and its end is stored, by a transaction of the task's own."""
        return self.stage is Stage.FINISHED

    @staticmethod
    def of(context: Context) -> "Run | None":
        """Return the run that code in a context belongs to."""
        return context.get(_running)

    @staticmethod
    def current() -> "Run | None":
        """Return the run that the present code belongs to."""
        return _running.get(None)

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

    def lose(self) -> JobLost:
        """Note that the store took its end for stale, and return the error that says so."""
        self.stage = Stage.LOST
        self.loss = JobLost(self.job.id)
        self.closing.tell_loss(self.job)
        return self.loss
