"""One chess engine: a child process that is spoken to in UCI over its pipes.

It ends by the end of its input when this process dies, however that happens.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import chess
import chess.engine

from examples.chess.lines import Best, Line, best_of, line_of

READY_SECONDS = 15.0
GRACE_SECONDS = 5.0
DEATH_SECONDS = 5.0
ANSWER_SECONDS = 1.0
NICENESS = "10"
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
            EngineFailed: It could not be started, or did not get ready in time.
        """
        try:
            # A process group of its own: ctrl-C in a terminal is the worker's to handle, which may want to finish.
            transport, protocol = await chess.engine.UciProtocol.popen([*_politely(), *command], setpgrp=True)
        except OSError as error:
            raise _no_start(command, str(error)) from error
        engine = cls(transport, protocol)
        try:
            await engine._get_ready()
        except BaseException as error:
            await engine.end()
            if not isinstance(error, (TimeoutError, chess.engine.EngineError)):
                raise
            raise _no_start(command, str(error) or f"nothing heard for {READY_SECONDS:g} s") from error
        return engine

    async def answers(self) -> bool:
        """Ask for a sign of life."""
        try:
            await asyncio.wait_for(self.protocol.ping(), ANSWER_SECONDS)
        except (TimeoutError, chess.engine.EngineError):
            return False
        return True

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

    async def end(self) -> None:
        """Kill its process and have it reaped."""
        self.transport.close()
        await asyncio.wait({self.protocol.returncode}, timeout=DEATH_SECONDS)

    async def _get_ready(self) -> None:
        async with asyncio.timeout(READY_SECONDS):
            await self.protocol.initialize()
            await self.protocol.configure({k: v for k, v in OPTIONS.items() if k in self.protocol.options})

    async def _search(self, board: chess.Board, limits: Limits, tell: Callable[[Best], None]) -> list[Line]:
        analysis = await self._begin(board, limits)
        ranking = _Ranking(min(limits.lines, board.legal_moves.count()))
        try:
            async for info in analysis:
                ranking.take(info, tell)
        except BaseException:
            await self.end()
            # Somebody has to hear how the analysis ended, else it is logged as an error that nobody heard.
            with contextlib.suppress(TimeoutError, chess.engine.EngineError):
                await asyncio.wait_for(analysis.wait(), DEATH_SECONDS)
            raise
        if not ranking.lines:
            raise EngineFailed("the engine ended its search without a line; give it more time")
        return ranking.lines

    async def _begin(self, board: chess.Board, limits: Limits) -> chess.engine.AnalysisResult:
        """Begin a search; unlike python-chess alone, notice where the engine dies before it is ready for one."""
        limit = chess.engine.Limit(time=limits.seconds, depth=limits.depth)
        # A game of its own for every search, so that none depends on what the engine saw before.
        begun = asyncio.ensure_future(self.protocol.analysis(board, limit, multipv=limits.lines, game=object()))
        try:
            either: list[asyncio.Future[chess.engine.AnalysisResult] | asyncio.Future[int]]
            either = [begun, self.protocol.returncode]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not begun.done():
                raise chess.engine.EngineTerminatedError(f"it died (exit code: {self.protocol.returncode.result()})")
            return begun.result()
        finally:
            begun.cancel()


def _politely() -> list[str]:
    """Return what runs a command so that it only takes what others leave: those who wait for an answer go first."""
    nice = shutil.which("nice")
    return [nice, "-n", NICENESS] if nice else []


def _no_start(command: list[str], reason: str) -> EngineFailed:
    return EngineFailed(f"the engine {' '.join(command)!r} could not be started: {reason}")


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
