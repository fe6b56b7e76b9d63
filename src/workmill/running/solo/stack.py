"""The last stack of a solo process, kept where its engine can read it when the process is no more.

The process writes it in a signal handler of its own, in C, also while other C code holds Python's lock, and when it is
about to die of a fault.
"""

import faulthandler
import os
import signal
import tempfile

from workmill.craft import threads

STACK_SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGUSR2)
"""What makes the process write its stack; a signal that programs leave alone, where there is one."""
STACK_BYTES = 8192
"""A longer text keeps its beginning, where the code is that ran."""


def open_stack() -> int:
    """Make the file that an engine shares with one solo process; it has no name and goes with the last of them."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("workmill-stack")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def read_stack(file: int) -> str:
    """Return what the process has written, without the frames that lead to the task; empty where it was nothing."""
    text = os.pread(file, STACK_BYTES, 0).decode(errors="replace")
    return text.split(f'  File "{threads.__file__}"', 1)[0].replace("\0", "\\0").strip()


def write_stack_on_signal(file: int) -> None:
    """Have this process write its stack at `STACK_SIGNAL`, and when it dies of a fault."""
    faulthandler.enable(file, all_threads=False)
    faulthandler.register(STACK_SIGNAL, file, all_threads=False)


def write_no_stack() -> None:
    """In a forked copy: leave the file to the original."""
    faulthandler.disable()
    faulthandler.unregister(STACK_SIGNAL)
