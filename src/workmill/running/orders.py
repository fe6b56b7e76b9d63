"""The words on which a worker ends, first drain, then stop now, or goes on with new processes."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workmill.words.order import Order

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Orders:
    """What a worker was told so far; it belongs to one event loop.

    ```
    working ◄──obey()──► quiet
       └────────┬──────────┘
                └──end()──► draining ──end()──► stopping
    ```
    """

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        """Take no more jobs, finish what runs."""
        self.stopping = asyncio.Event()
        """Finish nothing more: what runs is given back."""
        self.why = ""
        """On whose word it drains."""
        self.is_quiet = False
        """Take no more jobs for now."""
        self.restarting = asyncio.Event()
        """Go on with new engines; who obeys clears it."""
        self.why_restarting = ""
        """On whose word it does so."""

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

    @property
    def order(self) -> Order:
        """What a worker that begins now follows at first: quiet stays quiet, although its lease was lost."""
        return Order.QUIET if self.is_quiet else Order.WORK

    def obey(self, order: Order) -> None:
        """Follow an order that came by the store."""
        self.is_quiet = order is not Order.WORK
        if order is Order.STOP and not self.draining.is_set():
            self.end("it was told to stop")

    def restart(self, why: str) -> None:
        """Go on with new engines, which load the application anew."""
        self.why_restarting = why
        self.restarting.set()


@contextmanager
def signals_to(orders: Orders, *, can_restart: bool = False) -> Iterator[None]:
    """Let TERM, INT and HUP give the orders while inside. Only in the main thread; elsewhere this does nothing.

    As process 1 of a container this is what makes the signals work at all: the kernel ignores what has no handler
    there. A signal that was ignored from the start (`nohup`) stays ignored.

    Args:
        orders: What is given.
        can_restart: HUP is the order to restart, unless it says that the terminal is gone. Else it ends, as TERM does.
    """
    loop = asyncio.get_running_loop()
    is_main = threading.current_thread() is threading.main_thread()
    handlers: dict[signal.Signals, Callable[[str], None]] = dict.fromkeys(END_SIGNALS, orders.end)
    handlers[signal.SIGHUP] = _on_hang_up(orders) if can_restart else orders.end
    handled = [each for each in handlers if is_main and signal.getsignal(each) is not signal.SIG_IGN]
    for each in handled:
        loop.add_signal_handler(each, handlers[each], each.name)
    try:
        yield
    finally:
        for each in handled:
            loop.remove_signal_handler(each)


def _on_hang_up(orders: Orders) -> Callable[[str], None]:
    had_terminal = _has_terminal()

    def obey(why: str) -> None:
        if had_terminal and not _has_terminal():
            orders.end(f"{why}, the terminal is gone")
        else:
            orders.restart(why)

    return obey


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
