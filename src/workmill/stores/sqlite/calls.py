"""Calls handed to a thread and answered on the event loop."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

C_contra = TypeVar("C_contra", contravariant=True)
C = TypeVar("C")
T = TypeVar("T")

MOST_AT_ONCE = 256


class Waiting(Protocol[C_contra]):
    """A call that waits for its thread."""

    @property
    def is_durable(self) -> bool:
        """Whether what it writes must be on the disk before it is answered."""

    def run(self, context: C_contra) -> None:
        """Do the work and keep what it returned."""

    def fail(self, error: Exception) -> None:
        """Keep an error instead."""

    def answer(self) -> None:
        """Tell the one who waits; on the event loop."""


class Call(Generic[C, T]):
    """One piece of work and the future of what it returns."""

    def __init__(self, work: Callable[[C], T], future: asyncio.Future[T], *, is_durable: bool) -> None:
        self.is_durable = is_durable
        self._work = work
        self._future = future
        self._answers: list[T] = []
        self._error: Exception | None = None

    def run(self, context: C) -> None:
        """Do the work and keep what it returned."""
        self._answers.append(self._work(context))

    def fail(self, error: Exception) -> None:
        """Keep an error instead."""
        self._error = error

    def answer(self) -> None:
        """Tell the one who waits, unless it has gone away."""
        if self._future.done():
            return
        if self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self._answers[-1])


class Calls(Generic[C]):
    """The line between an event loop and one thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._line: SimpleQueue[Waiting[C] | None] = SimpleQueue()

    def put(self, work: Callable[[C], T], *, is_durable: bool = False) -> asyncio.Future[T]:
        """Hand over some work; on the event loop."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._line.put(Call(work, future, is_durable=is_durable))
        return future

    def end(self) -> None:
        """Let the thread end when it has done what was put before."""
        self._line.put(None)

    def first(self) -> Waiting[C] | None:
        """Wait for the next call; None when there will be none. In the thread."""
        return self._line.get()

    def beside(self, first: Waiting[C]) -> tuple[list[Waiting[C]], bool]:
        """Return a call and those that have come since, and whether more can come. In the thread."""
        calls = [first]
        with contextlib.suppress(Empty):
            while len(calls) < MOST_AT_ONCE:
                call = self._line.get_nowait()
                if call is None:
                    return calls, False
                calls.append(call)
        return calls, True

    def answer(self, calls: Sequence[Waiting[C]]) -> None:
        """Answer calls on the event loop, all in one turn. In the thread."""
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_answer, calls)


def _answer(calls: Sequence[Waiting[C]]) -> None:
    for call in calls:
        call.answer()


def tell(future: asyncio.Future[None], error: Exception | None = None) -> None:
    """Resolve a future of the event loop from a thread."""
    with contextlib.suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(_resolve, future, error)


def _resolve(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
