"""What a running task can know and say of itself, through `current_job`."""

import math

from workmill.craft.evidence import one_text
from workmill.craft.finish import Finish
from workmill.craft.run import Run
from workmill.words.errors import InvalidOption
from workmill.words.job import Progress
from workmill.words.signals import Cancel

MESSAGE_CHARACTERS = 1000


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
        run = Run.current()
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
        run = Run.current()
        if run is not None:
            run.tell(said)

    def finish_in(self, connection: object) -> Finish:
        """Return a transaction on a connection of yours that ends this job as succeeded when it commits.

        Use it as `with current_job.finish_in(connection) as finish:`, or `async with` where the connection is awaited.
        Entering begins the transaction. Leaving commits at once what was written on the connection inside, the job's
        result (`finish.result`, None unless you set it) and the jobs enqueued by `using(connection=connection)`. An
        error inside rolls all of it back and goes up. After the commit the job has succeeded: what the function, or
        middleware around it, then returns or raises changes nothing.

        A worker that has lost its lease cannot commit here, so that rows and result are written exactly once however
        often the job was started. A cancel or a time limit changes nothing about a transaction that commits first.

        The connection is that of a psycopg, asyncpg, SQLAlchemy, Django, sqlite3 or apsw program to the database that
        holds the jobs. It must not be inside a transaction that somebody else ends.

        Raises:
            RuntimeError: Not inside a running task, or this attempt has ended in an earlier `finish_in`.
            InvalidOption: The connection is none of these, or leads to no store that could join it.
            JobLost: On leaving: the worker has lost the job; all of it was rolled back.
            TaskError: On leaving: the result does not fit the task's return type; all of it was rolled back.
        """
        return Finish(self._run, connection)

    @property
    def _run(self) -> Run:
        run = Run.current()
        if run is None:
            raise RuntimeError("current_job is only there inside a running task")
        return run


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
