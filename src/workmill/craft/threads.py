"""Threads for plain functions, with a hand-over made for many short calls."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Protocol, TypeAlias

from workmill.words.codec import Json

_Call: TypeAlias = tuple[asyncio.Future[Json], Context, Callable[[], Json]]
_End: TypeAlias = tuple[asyncio.Future[Json], Json, BaseException | None]


class Place(Protocol):
    """Where plain functions run."""

    def call(self, function: Callable[[], Json]) -> asyncio.Future[Json]:
        """Have a function called in a copy of the present context; the future gets what becomes of it."""


class Threads:
    """Up to `most` threads of one event loop, each started when all others may be busy.

    What ended meanwhile is handed back together, for one wake-up of the loop. The threads are daemons: a function that
    never returns must not keep a program from ending.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._ends: deque[_End] = deque()
        self._is_waking = False
        self._is_closed = False
        self._started = 0
        self._open = 0

    def call(self, function: Callable[[], Json]) -> asyncio.Future[Json]:
        """Call a function in a thread, in a copy of the present context; the future gets what becomes of it."""
        if self._started < self._most and self._started <= self._open:
            self._start()
        future = self._loop.create_future()
        self._open += 1
        self._calls.put((future, copy_context(), function))
        return future

    def close(self) -> None:
        """Let the threads end; what has not begun never begins, and what runs is heard no more."""
        self._is_closed = True
        for _ in range(self._started):
            self._calls.put(None)

    def _start(self) -> None:
        try:
            Thread(target=self._serve, name=f"workmill-task-{self._started}", daemon=True).start()
        except RuntimeError:  # the system gives no more threads: those that are there take turns
            if not self._started:
                raise
            return
        self._started += 1

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            if not self._is_closed:
                future, context, function = call
                self._hand_back((future, *called(context, function)))
                del call, future, context, function  # hold nothing of the caller's while waiting

    def _hand_back(self, end: _End) -> None:
        # The loop lowers the flag before it looks: an end put here after that look raises it again and wakes the loop.
        self._ends.append(end)
        if not self._is_waking:
            self._is_waking = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_waking = False
        while self._ends:
            future, value, error = self._ends.popleft()
            self._open -= 1
            resolve(future, value, error)


def resolve(future: asyncio.Future[Json], value: Json, error: BaseException | None) -> None:
    """Give a future what became of its call; a cancelled one gets nothing, as nobody waits for it."""
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def called(context: Context, function: Callable[[], Json]) -> tuple[Json, BaseException | None]:
    """Call a function, and return its value or what it raised."""
    try:
        return context.run(function), None
    except (StopIteration, GeneratorExit) as word:  # To whoever awaits they would say something else than "I failed".
        error = RuntimeError(f"the function raised {type(word).__name__}")
        error.__cause__ = word
        return None, error
    except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever awaits the future
        return None, error
