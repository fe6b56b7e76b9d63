"""Ending a job in a transaction of its task's own: the caller's rows, the result and child jobs at once, or none."""

from collections.abc import Generator, Sequence
from types import TracebackType
from typing import Self

from workmill.craft.connections import AwaitedConnection, BlockingConnection, connection_of
from workmill.craft.run import Run, Stage
from workmill.craft.signature import ResultRejected
from workmill.store import Verdict
from workmill.words.codec import Json
from workmill.words.conversation import Statement
from workmill.words.errors import InvalidOption
from workmill.words.transition import Transition


class Finish:
    """What `current_job.finish_in` returns: a transaction that ends the job when it commits.

    Attributes:
        result: What the job's result is to be; checked against the task's return type on leaving.
    """

    def __init__(self, run: Run, connection: object) -> None:
        self.result: object = None
        self._run = run
        self._connection = connection_of(connection)
        self._given = connection
        run.closing.check(self._connection.kind, connection)

    def __enter__(self) -> Self:
        connection = self._blocking()
        self._open()
        try:
            connection.begin()
        except BaseException:
            self._run.stage = Stage.OPEN
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._blocking()
        if error is not None:
            self._undo(connection, error)
            return
        try:
            connection.hold(self._end())
            connection.commit()
        except BaseException as failed:
            self._undo(connection, failed)
            raise
        self._run.stage = Stage.FINISHED

    async def __aenter__(self) -> Self:
        connection = self._awaited()
        self._open()
        try:
            await connection.begin()
        except BaseException:
            self._run.stage = Stage.OPEN
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._awaited()
        if error is not None:
            await self._aundo(connection, error)
            return
        try:
            await connection.hold(self._end())
            await connection.commit()
        except BaseException as failed:
            await self._aundo(connection, failed)
            raise
        self._run.stage = Stage.FINISHED

    def _open(self) -> None:
        match self._run.stage:
            case Stage.OPEN:
                self._run.stage = Stage.CLOSING
            case Stage.CLOSING:
                raise RuntimeError("this attempt is inside another `finish_in` already; it ends in one transaction")
            case Stage.FINISHED:
                raise RuntimeError("this attempt has ended already, in an earlier `finish_in`")
            case Stage.LOST:
                raise RuntimeError("this worker lost the job, as an earlier `finish_in` said")

    def _end(self) -> Generator[Statement, Sequence[Sequence[Json]], None]:
        """Hold what ends the attempt, as one conversation that raises where the store refuses.

        Raises:
            JobLost: The lease is lost.
            ResultRejected: The result is not of the return type.
        """
        run = self._run
        transition = self._success()
        if (yield from run.closing.conversation(transition)) is not Verdict.APPLIED:
            raise run.lose()
        run.finish = transition  # From here on it may be stored, whatever is heard of the commit.

    def _success(self) -> Transition:
        try:
            return self._run.closing.success(self._run.job, self.result)
        except ResultRejected as error:
            if self.result is not None:
                raise
            raise ResultRejected(f"`finish.result` was not set inside the block, but {error}") from None

    def _undo(self, connection: BlockingConnection, error: BaseException) -> None:
        self._reopen()
        try:
            connection.roll_back()
        except Exception as failed:  # noqa: BLE001 - a driver's; what goes up already says more
            error.add_note(f"the transaction could not be rolled back either: {failed!r}")

    async def _aundo(self, connection: AwaitedConnection, error: BaseException) -> None:
        self._reopen()
        try:
            await connection.roll_back()
        except Exception as failed:  # noqa: BLE001 - a driver's; what goes up already says more
            error.add_note(f"the transaction could not be rolled back either: {failed!r}")

    def _reopen(self) -> None:
        if self._run.stage is Stage.CLOSING:
            self._run.stage = Stage.OPEN

    def _blocking(self) -> BlockingConnection:
        if isinstance(self._connection, BlockingConnection):
            return self._connection
        remedy = "it is awaited: write `async with current_job.finish_in(...)`"
        raise InvalidOption("connection", type(self._given), remedy)

    def _awaited(self) -> AwaitedConnection:
        if isinstance(self._connection, AwaitedConnection):
            return self._connection
        remedy = "it blocks: write `with current_job.finish_in(...)`, in an `async def` task too"
        raise InvalidOption("connection", type(self._given), remedy)
