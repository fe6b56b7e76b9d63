"""No fork while a thread of a store is inside SQLite: the child would inherit SQLite's own locks, held by nobody.

SQLite takes locks of the whole process to allocate memory, and gives no promise about forks. A child that opens a store
of its own meets them.
"""

import os
import threading
import weakref

FORK_SECONDS = 1.0
"""How long a fork waits for a thread to leave SQLite, which may itself wait there for another process."""


class Inside:
    """Where one thread is inside SQLite: enter it with `with`. A fork waits outside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        _all.add(self)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


_all: "weakref.WeakSet[Inside]" = weakref.WeakSet()
_kept_out: list[Inside] = []


def keep_out() -> None:
    """Let no thread enter SQLite from now on, as far as those inside leave in time."""
    _kept_out.extend(each for each in list(_all) if each.lock.acquire(timeout=FORK_SECONDS))


def let_in() -> None:
    """Let threads enter again."""
    while _kept_out:
        _kept_out.pop().lock.release()


def begin_anew() -> None:
    """Forget, in a forked child, the threads that are not there."""
    _kept_out.clear()
    _all.clear()


os.register_at_fork(before=keep_out, after_in_parent=let_in, after_in_child=begin_anew)
