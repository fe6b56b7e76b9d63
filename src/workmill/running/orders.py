"""The word on which a worker ends: first drain, then stop now."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Orders:
    """What a worker was told so far; it belongs to one event loop.

    ```
    working ──end()──► draining ──end()──► stopping
    ```
    """

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        """Take no more jobs, finish what runs."""
        self.stopping = asyncio.Event()
        """Finish nothing more: what runs is given back."""
        self.why = ""
        """On whose word it drains."""

    def end(self, why: str) -> None:
        """Drain; told again, stop now."""
        if self.draining.is_set():
            self.stopping.set()
            return
        self.why = why
        self.draining.set()

    def stop(self, why: str) -> None:
        """Stop now."""
        if not self.draining.is_set():
            self.end(why)
        self.stopping.set()


@contextmanager
def signals_to(orders: Orders) -> Iterator[None]:
    """Let TERM, INT and HUP give the orders while inside. Only in the main thread; elsewhere this does nothing.

    As process 1 of a container this is what makes the signals work at all: the kernel ignores what has no handler
    there. A signal that was ignored from the start (`nohup`) stays ignored.
    """
    loop = asyncio.get_running_loop()
    is_main = threading.current_thread() is threading.main_thread()
    handled = [each for each in END_SIGNALS if is_main and signal.getsignal(each) is not signal.SIG_IGN]
    for each in handled:
        loop.add_signal_handler(each, orders.end, each.name)
    try:
        yield
    finally:
        for each in handled:
            loop.remove_signal_handler(each)
