"""The tasks that worker trees run in tests. They say on stdout what they do; gates are files that tests make."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from workmill import App, current_job

LONGEST_SECONDS = 60.0


def say(words: str, pid: int | None = None) -> None:
    sys.stdout.write(f"{words} {pid or os.getpid()}\n")
    sys.stdout.flush()


def wait_for(gate: str) -> None:
    began = time.monotonic()
    while not Path(gate).exists() and time.monotonic() - began < LONGEST_SECONDS:
        time.sleep(0.005)


def add(a: int, b: int) -> int:
    return a + b


def stubborn(gate: str) -> int:
    """Wait for the gate whatever else happens."""
    say("running stubborn")
    wait_for(gate)
    return current_job.attempt


def heedful(gate: str) -> None:
    """Wait for the gate, or for the word to end."""
    say("running heedful")
    while not Path(gate).exists():
        current_job.check_cancelled()
        time.sleep(0.005)


async def patient(gate: str) -> None:
    say("running patient")
    while not os.path.exists(gate):  # noqa: ASYNC110, ASYNC240, PTH110 - the gate is another process's word
        await asyncio.sleep(0.005)


async def blocking(gate: str) -> None:
    """Keep the engine's loop from running."""
    say("running blocking")
    wait_for(gate)


def locking() -> None:
    """Keep Python's lock in C, for longer than any test lasts."""
    say("running locking")
    re.fullmatch(r"(a|aa)+b", "a" * 60)


def starting(gate: str) -> None:
    """Start a program that sleeps."""
    with subprocess.Popen(["sleep", str(LONGEST_SECONDS)]) as sleeper:
        say("running starting", sleeper.pid)
        wait_for(gate)
        sleeper.kill()


def orphaning(gate: str) -> None:
    """Leave a process behind, whose parent has ended, that waits for the gate."""
    subprocess.run(["sh", "-c", 'until [ -e "$0" ]; do sleep 0.01; done &', gate], check=True)


def deadly() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def held() -> None:
    """Begin only when somebody lifts the limit."""


def application(url: str | None = None) -> App:
    app = App(url)
    for function in (add, stubborn, heedful, patient, blocking, locking, starting, orphaning, deadly):
        app.task(function)
    app.task(limit=0)(held)
    return app


app = application()
