"""The tasks that no word ends, each in three kinds: `async def`, in a thread, and in a process of its own."""

import asyncio
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from workmill import App, Cancel, current_job

LONG_SECONDS = 120.0
HOARD_BYTES = 150_000_000
SLICE_BYTES = 1_000_000


class Kind(StrEnum):
    """Where a task's code runs."""

    ASYNC = "async"
    THREAD = "thread"
    PROCESS = "process"


def say(file: str) -> None:
    """Say that the code runs, and in which process."""
    draft = Path(f"{file}.{os.getpid()}")
    draft.write_text(str(os.getpid()))
    draft.rename(file)


def spin(file: str) -> None:
    say(file)
    while True:
        pass


def sleep(file: str) -> None:
    say(file)
    time.sleep(1e6)


def hold_lock(file: str) -> None:
    """Keep Python's lock in C, for minutes."""
    say(file)
    while True:
        ctypes.PyDLL(None).sleep(int(LONG_SECONDS))


def fault(file: str) -> None:
    say(file)
    ctypes.string_at(0)


def leave(file: str) -> None:
    say(file)
    os._exit(7)


def fork(file: str) -> None:
    """Fork: the copy comes back from the task, and the original never does."""
    if os.fork():
        say(file)
        time.sleep(1e6)


def wait_for_deaf(file: str) -> None:
    """Wait for a program that ignores SIGTERM."""
    text = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(120)"
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        say(file)
        while deaf.poll() is None:
            with suppress(Exception):
                deaf.wait()


def ignore(file: str) -> None:
    """Look at the word to end, and go on."""
    say(file)
    while True:
        with suppress(Cancel):
            time.sleep(0.01)
            current_job.check_cancelled()


async def swallow(file: str) -> None:
    """Be interrupted, and go on."""
    say(file)
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(LONG_SECONDS)


def hoard(file: str) -> None:
    """Take much memory, and keep at it."""
    say(file)
    kept = [os.urandom(SLICE_BYTES) for _ in range(HOARD_BYTES // SLICE_BYTES)]
    while True:
        kept.append(kept.pop(0))


KILLERS: dict[str, Callable[[str], None]] = {
    "while True: pass": spin,
    "time.sleep(1e6)": sleep,
    "C keeps the lock": hold_lock,
    "SIGSEGV": fault,
    "os._exit": leave,
    "fork inside": fork,
    "child deaf to TERM": wait_for_deaf,
    "swallows the word": ignore,
    "memory hog": hoard,
}
DEADLY = frozenset({"SIGSEGV", "os._exit"})
"""What ends its process by itself, before anybody asks."""


def task_of(killer: str, kind: Kind) -> str:
    """Return the name of a killer's task of one kind."""
    return f"{KILLERS[killer].__name__}.{kind}"


def application(url: str | None = None) -> App:
    """Make the application with every killer, and tasks that harm nobody."""
    app = App(url)
    for function in KILLERS.values():
        app.task(name=f"{function.__name__}.{Kind.THREAD}")(function)
        app.task(name=f"{function.__name__}.{Kind.ASYNC}")(awaited(function))
        app.task(name=f"{function.__name__}.{Kind.PROCESS}", process=True, grace=1)(function)
    for kind in Kind:
        neighbour = wait_awaited if kind is Kind.ASYNC else wait
        app.task(name=f"wait.{kind}", process=kind is Kind.PROCESS)(neighbour)
    return app


def awaited(function: Callable[[str], None]) -> Callable[[str], object]:
    """Return a killer as `async def`, so that it stops its loop; one that only swallows words awaits between them."""

    async def task(file: str) -> None:
        function(file)

    task.__name__ = task.__qualname__ = function.__name__
    return swallow if function is ignore else task


def wait(gate: str) -> str:
    """Be a good neighbour: wait for a gate, and go back when asked."""
    while not Path(gate).exists():
        current_job.check_cancelled()
        time.sleep(0.01)
    return "unharmed"


async def wait_awaited(gate: str) -> str:
    while not os.path.exists(gate):  # noqa: ASYNC110, ASYNC240, PTH110 - the gate is another process's word
        await asyncio.sleep(0.01)
    return "unharmed"


app = application()
