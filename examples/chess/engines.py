"""The warm engines of one process, each lent to one search at a time."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

import chess

from examples.chess.engine import DEATH_SECONDS, Engine, Limits
from examples.chess.lines import Best, Line

LOOK_SECONDS = 0.1
STOP_SECONDS = 2 * DEATH_SECONDS


class Stopped(Exception):
    """The search was stopped on request."""


class Engines:
    """Engines that are started when first needed and kept for the next search.

    An engine goes back on the shelf only after a search that ended by itself. One event loop, in a thread of its
    own, serves them all: the thread is a daemon, so that idle engines never keep a worker from ending.

    Args:
        find: Returns the command that starts an engine.
    """

    def __init__(self, find: Callable[[], list[str]]) -> None:
        self._find = find
        self._shelf: list[Engine] = []  # only ever touched on the loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def analyse(
        self,
        board: chess.Board,
        limits: Limits,
        *,
        report: Callable[[Best], None] = lambda best: None,  # noqa: ARG005 - nobody listens
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> list[Line]:
        """Return the best lines, best first; none where the side to move has no move.

        Blocks; `report` and `is_stopped` are called on this thread while it waits.

        Raises:
            EngineFailed: The engine died, hung past its limits, or would not start.
            Stopped: `is_stopped` said so.
        """
        if not any(board.legal_moves):
            return []
        news: queue.SimpleQueue[Best | None] = queue.SimpleQueue()
        search = asyncio.run_coroutine_threadsafe(self._search(board, limits, news), self._running_loop())
        try:
            return _follow(search, news, report, is_stopped)
        finally:
            search.cancel()  # where `report` failed

    def close(self) -> None:
        """End the idle engines. None may be searching."""
        with self._lock:
            if self._loop is None or self._thread is None:
                return
            asyncio.run_coroutine_threadsafe(self._clear_shelf(), self._loop).result(DEATH_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(DEATH_SECONDS)
            self._loop.close()
            self._loop = None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="chess-engines", daemon=True)
                self._thread.start()
            return self._loop

    async def _search(self, board: chess.Board, limits: Limits, news: "queue.SimpleQueue[Best | None]") -> list[Line]:
        try:
            engine = await self._take()
            try:
                lines = await engine.search(board, limits, news.put)
            except BaseException:
                await engine.end()
                raise
            self._shelf.append(engine)
            return lines
        finally:
            news.put(None)

    async def _take(self) -> Engine:
        while self._shelf:
            engine = self._shelf.pop()
            if await engine.answers():
                return engine
            await engine.end()
        return await Engine.start(self._find())

    async def _clear_shelf(self) -> None:
        while self._shelf:
            await self._shelf.pop().end()


def _follow(
    search: Future[list[Line]],
    news: "queue.SimpleQueue[Best | None]",
    report: Callable[[Best], None],
    is_stopped: Callable[[], bool],
) -> list[Line]:
    """Report the news of a search until it is over, and return what it found."""
    while not is_stopped():
        with contextlib.suppress(queue.Empty):
            best = news.get(timeout=LOOK_SECONDS)
            if best is None:
                return search.result(DEATH_SECONDS)
            report(best)
    search.cancel()
    with contextlib.suppress(queue.Empty):
        while news.get(timeout=STOP_SECONDS) is not None:
            pass  # the engine, too, has ended when the search says that it is over
    raise Stopped
