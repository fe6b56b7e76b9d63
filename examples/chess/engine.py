"""One chess engine: a child process that is spoken to in UCI over its pipes.

It ends by the end of its input when this process dies, however that happens.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import chess
import chess.engine

from examples.chess.lines import Best, Line, best_of, line_of

READY_SECONDS = 15.0
GRACE_SECONDS = 5.0
DEATH_SECONDS = 5.0
OPTIONS = {"Threads": 1, "Hash": 32}  # megabytes


class EngineFailed(Exception):
    """The engine died, hung, or could not be started; another try gets a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much to search: so many lines, until the time or the depth is reached, whichever is first."""

    lines: int
    seconds: float
    depth: int


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine. It belongs to the event loop that started it, and does one search at a time."""

    transport: asyncio.SubprocessTransport
    protocol: chess.engine.UciProtocol

    @classmethod
    async def start(cls, command: list[str]) -> Self:
        """Return a new engine, ready for a search.

        Raises:
            EngineFailed: It would not start, or did not get ready in time.
        """
        try:
            # A process group of its own: ctrl-C in a terminal is the worker's to handle, which may want to finish.
            transport, protocol = await chess.engine.UciProtocol.popen(command, setpgrp=True)
        except OSError as error:
            raise EngineFailed(f"the engine {' '.join(command)!r} would not start: {error}") from error
        engine = cls(transport, protocol)
        try:
            await engine._get_ready()
        except BaseException as error:
            engine.kill()
            if not isinstance(error, (TimeoutError, chess.engine.EngineError)):
                raise
            reason = str(error) or f"nothing heard for {READY_SECONDS:g} s"
            raise EngineFailed(f"the engine {' '.join(command)!r} did not get ready: {reason}") from error
        return engine

    @property
    def is_alive(self) -> bool:
        """Whether its process runs, as far as is known."""
        return not self.protocol.returncode.done()

    async def search(self, board: chess.Board, limits: Limits, tell: Callable[[Best], None]) -> list[Line]:
        """Return the best lines, best first, calling `tell` with the best so far whenever there is news.

        Raises:
            EngineFailed: It died or hung; whatever is raised here, this engine is of no further use.
        """
        try:
            async with asyncio.timeout(limits.seconds + GRACE_SECONDS):
                return await self._search(board, limits, tell)
        except TimeoutError as error:
            late = f"it did not stop within {GRACE_SECONDS:g} s of its time limit of {limits.seconds:g} s"
            raise EngineFailed(f"the engine hung and was killed: {late}") from error
        except chess.engine.EngineError as error:
            raise EngineFailed(f"the engine failed during the search: {error}") from error

    def kill(self) -> None:
        """End its process, now."""
        self.transport.close()  # kills what still runs, and has it reaped

    async def _get_ready(self) -> None:
        async with asyncio.timeout(READY_SECONDS):
            await self.protocol.initialize()
            await self.protocol.configure({k: v for k, v in OPTIONS.items() if k in self.protocol.options})

    async def _search(self, board: chess.Board, limits: Limits, tell: Callable[[Best], None]) -> list[Line]:
        limit = chess.engine.Limit(time=limits.seconds, depth=limits.depth)
        # A game of its own for every search, so that none depends on what the engine saw before.
        analysis = await self.protocol.analysis(board, limit, multipv=limits.lines, game=object())
        ranking = _Ranking(min(limits.lines, board.legal_moves.count()))
        try:
            async for info in analysis:
                ranking.take(info, tell)
        except BaseException:
            self.kill()  # so that the wait is short; without it the analysis would complain that nobody heard its end
            with contextlib.suppress(TimeoutError, chess.engine.EngineError):
                await asyncio.wait_for(analysis.wait(), DEATH_SECONDS)
            raise
        if not ranking.lines:
            raise EngineFailed("the engine ended its search without a line; give it more time")
        return ranking.lines


class _Ranking:
    """The newest set of lines that belong together.

    The engine tells its lines in sets, best first. Lines of different sets never mix: one move could be in both.
    """

    def __init__(self, size: int) -> None:
        self.lines: list[Line] = []
        self._size = size
        self._told: list[Line] = []

    def take(self, info: chess.engine.InfoDict, tell: Callable[[Best], None]) -> None:
        if "score" not in info or not info.get("pv"):
            return
        is_best = info.get("multipv", 1) == 1
        if is_best:
            self._told = []
        if info.get("lowerbound") or info.get("upperbound"):
            return  # a hint on the way to a score, with its line cut short
        self._told.append(line_of(info))
        if len(self._told) == self._size:
            self.lines = self._told
        if is_best:
            tell(best_of(info))
