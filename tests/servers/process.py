"""What every server of the tests' own needs: a port, and an end when the tests end."""

import ctypes
import signal
import socket

READY_SECONDS = 30.0
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_with_parent(number: signal.Signals = signal.SIGINT) -> None:
    """Have a child end when its parent does: a test run that is killed must not leave servers behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
