"""The line before the write lock, so that the writers of several processes take turns.

SQLite's own way to wait for its lock is to sleep and try again: whoever wakes at the right moment is served, and a
writer can be passed over for half a second. Here the kernel keeps the line and wakes the next. The gate decides
nothing: behind it SQLite's lock is taken all the same, so a gate that cannot be had costs fairness and no more.

It is a POSIX lock and not a `flock`, because a forked child must not keep its parent's place.
"""

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from queue import SimpleQueue

GATE = "gate"
"""The name of the gate's file."""
GATE_SECONDS = 5.0
"""How long a writer stands in line before it takes its chance without."""


class Gate:
    """One writer's way through. Belongs to one thread; a second one waits in the kernel, which knows no deadline.

    outside --enter--> inside --leave--> outside
       |                  ^
    (taken)            (its turn)
       +---> in line -----+
                |
            (deadline)--> unwanted --(its turn)--> given back
    """

    def __init__(self, file: Path | None) -> None:
        self._file = -1
        if file is not None:
            with contextlib.suppress(OSError):
                self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._errands: SimpleQueue[bool] | None = None
        self._changed = threading.Condition()
        self._is_in_line = False
        self._is_wanted = False
        self._is_our_turn = False

    def enter(self, seconds: float) -> None:
        """Wait for our turn, but no longer than this."""
        if self._file < 0 or (not self._is_in_line and self._passes_at_once()):
            return
        # A machine that gives no more threads has no line to stand in.
        with contextlib.suppress(RuntimeError), self._changed:
            self._is_wanted = True
            if not self._is_in_line:
                self._helper().put(True)
                self._is_in_line = True
            self._changed.wait_for(lambda: self._is_our_turn, seconds)
            self._is_wanted = self._is_our_turn = False

    def leave(self) -> None:
        """Let the next one in."""
        if self._file >= 0 and not self._is_in_line:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave for good."""
        if self._errands is not None:
            self._errands.put(False)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _passes_at_once(self) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            # No locks on this file system: there is no line to stand in.
            return True
        return True

    def _helper(self) -> "SimpleQueue[bool]":
        if self._errands is None:
            self._errands = SimpleQueue()
            threading.Thread(
                target=self._stand_in_line, args=(self._errands,), name="workmill-gate", daemon=True
            ).start()
        return self._errands

    def _stand_in_line(self, errands: "SimpleQueue[bool]") -> None:
        while errands.get():
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_EX)
            with self._changed:
                self._is_in_line = False
                self._is_our_turn = self._is_wanted
                self._changed.notify()
                if not self._is_wanted:
                    self.leave()
