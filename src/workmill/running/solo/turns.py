"""The main thread of a solo process: its event loop and plain functions take turns."""

import asyncio
import os
import selectors
import sys
import traceback
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import NoReturn

from workmill.craft.threads import called, resolve
from workmill.words.codec import Json


class Turns:
    """An event loop that stands still while a plain function is called in its thread.

    So the function is where a program's own code would be: in the main thread, free to take signals, to fork, to wait,
    and to run an event loop itself.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.loop = asyncio.SelectorEventLoop(self._selector)
        self._calls: deque[tuple[asyncio.Future[Json], Context, Callable[[], Json]]] = deque()
        self._owner = os.getpid()
        self._is_over = False

    def call(self, function: Callable[[], Json]) -> asyncio.Future[Json]:
        """Have a function called in a copy of the present context; the future gets what becomes of it."""
        future = self.loop.create_future()
        self._calls.append((future, copy_context(), function))
        self.loop.stop()
        return future

    def run(self) -> None:
        """Run the loop and call functions, until `end`."""
        while not self._is_over:
            self.loop.run_forever()
            while self._calls:
                self._call(*self._calls.popleft())

    def end(self) -> None:
        """Let `run` return."""
        self._is_over = True
        self.loop.stop()

    def abandon(self) -> None:
        """In a forked copy of this process: keep its loop from taking what is meant for the original's."""
        self._selector.close()

    def _call(self, future: asyncio.Future[Json], context: Context, function: Callable[[], Json]) -> None:
        value, error = called(context, function)
        if os.getpid() != self._owner:
            _end_copy(error)
        resolve(future, value, error)


def _end_copy(error: BaseException | None) -> NoReturn:
    """End a copy of this process that the function forked and let return: what follows is for the original to do."""
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 1
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
