"""The kernel's help for ending with one's parent, where it gives any (Linux)."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Let the kernel send TERM to this process when its parent dies; this outlives `exec`."""
    _on_parent_death(signal.SIGTERM, parent)


def end_soon_after_parent(parent: int) -> None:
    """Let the kernel end this process one second after its parent's death, even while C code holds Python's lock.

    No handler written in Python would run then, and a plain SIGKILL would leave no time to give jobs back. So HUP,
    which the kernel sends at the parent's death, is handled by the C library's own `alarm`: called as `alarm(SIGHUP)`,
    SIGHUP being 1, it makes the kernel send ALRM a second later, which nobody handles and which therefore kills.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    libc.signal(signal.SIGHUP, ctypes.cast(libc.alarm, ctypes.c_void_p))
    _on_parent_death(signal.SIGHUP, parent)


def _on_parent_death(number: signal.Signals, parent: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:  # It died before it could be heard dying.
        os.kill(os.getpid(), number)
