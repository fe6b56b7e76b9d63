"""The last stack of a process that runs jobs, kept where its parent can read it when the process is no more.

The process writes it in a signal handler of its own, in C, also while other C code holds Python's lock, and when it is
about to die of a fault.
"""

import faulthandler
import os
import re
import signal
import tempfile
from typing import NoReturn

from workmill.craft import executor, threads

STACK_SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGUSR2)
"""What makes the process write its stack; a signal that programs leave alone, where there is one."""
STACK_BYTES = 8192
"""A longer text keeps its beginning, where the code is that ran."""
STACKS_BYTES = 65_536
"""How much is read of what many threads have written."""
STACK_SECONDS = 0.1
"""How long a process may take to write its stack before it is sent what may end it."""

_TO_THE_TASK = re.compile(
    rf'^  File "(?:{re.escape(str(threads.__file__))}", line \d+ in called'
    rf'|{re.escape(str(executor.__file__))}", line \d+ in '
    r'|[^"]*[/\\]asyncio[/\\]events\.py", line \d+ in _run$)',
    re.MULTILINE,
)


def open_stack() -> int:
    """Make the file that a parent shares with one process; it has no name and goes with the last of them."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("workmill-stack")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def read_stack(file: int) -> str:
    """Return what the process has written, without the frames that lead to the task; empty where it was nothing."""
    text = _text(file, STACK_BYTES)
    return text.split(f'  File "{threads.__file__}"', 1)[0].strip()


def read_stacks(file: int) -> str:
    """Return what a process of many jobs has written, of the threads that ran one, without the frames that lead there.

    A process none of whose threads was seen to run a job gives the whole text, empty where it was nothing.
    """
    text = _text(file, STACKS_BYTES).partition("\n\nExtension modules:")[0].strip()
    parts = [(part, _TO_THE_TASK.search(part)) for part in text.split("\n\n")]
    busy = [part[: found.start()].strip() for part, found in parts if found]
    return ("\n\n".join(busy) or text)[:STACK_BYTES]


def clear_stack(file: int) -> None:
    """Forget what the process has written, so that what it writes next stands alone."""
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)  # The process shares the place, too.


def write_stack_on_signal(file: int, *, all_threads: bool = False) -> None:
    """Have this process write its stack at `STACK_SIGNAL`, and that of the guilty thread when it dies of a fault."""
    faulthandler.enable(file, all_threads=False)
    faulthandler.register(STACK_SIGNAL, file, all_threads=all_threads)


def write_stack_before_exit(file: int) -> None:
    """Have this process write its stack, too, when code of its calls `os._exit`, which nothing else tells of."""
    leave, owner = os._exit, os.getpid()

    def write_and_leave(status: int) -> NoReturn:
        if os.getpid() == owner:  # Else it is a forked copy, which ends like this in good order.
            faulthandler.dump_traceback(file, all_threads=False)
        leave(status)

    setattr(os, "_exit", write_and_leave)  # noqa: B010 - a plain assignment is refused by the type checker


def write_no_stack() -> None:
    """In a forked copy: leave the file to the original."""
    faulthandler.disable()
    faulthandler.unregister(STACK_SIGNAL)


def _text(file: int, most: int) -> str:
    return os.pread(file, most, 0).decode(errors="replace").replace("\0", "\\0")
