"""The tasks that solo processes run in tests: those that never end by themselves, and those that end their process."""

import asyncio
import ctypes
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from workmill import App, current_job

GRACE = 0.05
LONG_SECONDS = 60.0

app = App()


def say(words: str, pid: int | None = None) -> None:
    sys.stdout.write(f"{words} {pid or os.getpid()}\n")
    sys.stdout.flush()


def leave_word(file: str, *words: object) -> None:
    """Tell a test, at once and whole."""
    draft = Path(f"{file}.{os.getpid()}")
    draft.write_text(" ".join(str(word) for word in words))
    draft.rename(file)


@app.task(process=True)
def nothing() -> None:
    """End at once."""


@app.task(process=True)
async def nothing_awaited() -> None:
    """End at once, on the loop."""


@app.task(process=True)
def add(a: int, b: int) -> int:
    return a + b


@app.task
def plain() -> int:
    """Say which process runs what needs none of its own."""
    return os.getpid()


@app.task(process=True)
def own_process() -> int:
    return os.getpid()


@app.task(process=True)
def failing() -> None:
    raise ValueError("no such luck")


@app.task(process=True)
def facts() -> list[object]:
    return [current_job.id, current_job.task, current_job.queue, current_job.attempt]


@app.task(process=True)
def telling(file: str) -> None:
    for number in range(1000):
        current_job.progress(number, 1000, "counting")
    leave_word(file, "told")
    while not current_job.cancelled:
        time.sleep(0.001)


@app.task(process=True, grace=GRACE)
def heedful(file: str) -> None:
    leave_word(file, os.getpid())
    while not current_job.cancelled:
        time.sleep(0.001)


@app.task(process=True, grace=10)
async def awaiting(file: str) -> None:
    leave_word(file, os.getpid())
    await asyncio.sleep(LONG_SECONDS)


@app.task(process=True)
def until_word(file: str, gate: str) -> None:
    leave_word(file, os.getpid())
    while not Path(gate).exists():
        time.sleep(0.005)


@app.task(process=True)
def looping() -> int:
    """Run an event loop, as only code outside of one may."""
    return asyncio.run(asyncio.sleep(0, 5))


@app.task(process=True)
def enqueueing() -> str:
    """Use the application in the blocking way, as only code outside an event loop may."""
    return app.tasks["nothing"].enqueue().id


@app.task(process=True)
def handling_signals() -> bool:
    """Do what only a main thread may."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    return signal.signal(signal.SIGUSR1, before) is signal.SIG_IGN


@app.task(process=True)
def signals_as_usual() -> list[bool]:
    return [signal.getsignal(each) is signal.SIG_DFL for each in (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1)]


@app.task(process=True)
def forking() -> str:
    """Fork, and let the copy return as the original does."""
    return "original" if os.fork() else "copy"


@app.task(process=True)
async def forking_awaited() -> str:
    if pid := os.fork():
        os.waitpid(pid, 0)  # noqa: ASYNC222 - the loop is its own
        return "original"
    return "copy"


@app.task(process=True, grace=GRACE)
def spinning(file: str) -> None:
    leave_word(file, os.getpid())
    while True:
        pass


@app.task(process=True, grace=GRACE)
async def spinning_awaited(file: str) -> None:
    leave_word(file, os.getpid())
    while True:
        pass


@app.task(process=True, grace=GRACE)
def sleeping(file: str) -> None:
    leave_word(file, os.getpid())
    time.sleep(1e6)


@app.task(process=True, grace=LONG_SECONDS)
def sleeping_long(file: str) -> None:
    """Have a grace that no test waits for."""
    leave_word(file, os.getpid())
    time.sleep(1e6)


@app.task(process=True, grace=GRACE)
def locking(file: str) -> None:
    """Keep Python's lock in C for as long as it takes."""
    leave_word(file, os.getpid())
    while True:  # A signal that is handled ends one sleep.
        ctypes.PyDLL(None).sleep(1_000_000)


@app.task(process=True, grace=GRACE)
def matching(file: str) -> None:
    """Keep Python's lock in C and the processor busy."""
    leave_word(file, os.getpid())
    re.fullmatch(r"(a|aa)+b", "a" * 60)


@app.task(process=True, grace=GRACE)
def deaf(file: str) -> None:
    """Ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_word(file, os.getpid())
    while True:
        time.sleep(1)


@app.task(process=True, grace=GRACE)
def tidy(file: str) -> str:
    """End at SIGTERM, having tidied up."""

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit("told to")

    signal.signal(signal.SIGTERM, leave)
    leave_word(file, os.getpid())
    try:
        time.sleep(LONG_SECONDS)
    finally:
        leave_word(f"{file}.tidied", "tidied")
    return "never"


@app.task(process=True, grace=GRACE)
def starting(file: str) -> None:
    """Start a program that starts another."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        leave_word(file, os.getpid(), shell.pid, shell.stdout.readline().strip())


@app.task(process=True, memory="200MB", grace=10)
def hoarding(file: str) -> None:
    leave_word(file, os.getpid())
    hoard = []
    while True:
        hoard.append(os.urandom(1_000_000))


@app.task(process=True, memory="200MB", grace=10)
def hoarding_in_a_child(file: str) -> None:
    leave_word(file, os.getpid())
    text = "import os, time; hoard = os.urandom(250_000_000); time.sleep(60)"
    subprocess.run([sys.executable, "-c", text], check=True)


@app.task(process=True)
def faulting() -> None:
    ctypes.string_at(0)


@app.task(process=True)
def exiting() -> None:
    os._exit(7)


@app.task(process=True)
def dying_once() -> int:
    """Die at the first attempt only."""
    if current_job.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return current_job.attempt


@app.task(process=True)
def babbling() -> None:
    """Write on whatever is open, the line to the engine among it."""
    for descriptor in range(3, 4096):  # the line has the number that it has in the engine, however much is open there
        with suppress(OSError):
            os.write(descriptor, b"what is this?\n")
    time.sleep(LONG_SECONDS)


@app.task(process=True)
def closing_the_line() -> None:
    os.closerange(3, 4096)
    time.sleep(LONG_SECONDS)


@app.task(process=True)
def finishing(path: str, dies: bool) -> str:  # noqa: FBT001 - an argument of a job
    """End the job in a transaction of one's own, and perhaps die before anybody hears of it."""
    with closing(sqlite3.connect(path)) as connection:
        with current_job.finish_in(connection) as finish:
            connection.execute("INSERT INTO done VALUES (?)", (current_job.attempt,))
            finish.result = "stored"
        if dies:
            os._exit(7)
    return "stored"
