"""The tasks of a storm: short and long, on the loop and in threads, failing, snoozing, deadly."""

import asyncio
import os
import signal
import time
from pathlib import Path

from proof.histories.entry import Op
from proof.histories.noting import Noting, note_event, present_job
from proof.histories.pen import Pen
from proof.storming.settings import FOLDER_VARIABLE
from workmill import App, Retry, Snooze, current_job

BEAT_SECONDS = 0.05
ENDLESS_SECONDS = 45.0
RETRY = Retry(3, first=0.3, most=2, jitter=0.5)

pen = Pen(Path(os.environ.get(FOLDER_VARIABLE, ".")), "engine")
app = App(middleware=[Noting(pen)])
app.observe(lambda event: note_event(pen, event))


@app.task(retry=RETRY)
async def quick(number: int) -> str:
    """End at once."""
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
async def slow(number: int, seconds: float) -> str:
    """Sleep, telling progress."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        say(seconds - left, seconds)
        await asyncio.sleep(BEAT_SECONDS)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
def threaded(number: int, seconds: float) -> str:
    """Sleep in a thread, and end early where it is asked to."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        beat()
        current_job.check_cancelled()
        time.sleep(BEAT_SECONDS)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
def stubborn(number: int, seconds: float) -> str:
    """Sleep in a thread whoever asks."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        beat()
        time.sleep(BEAT_SECONDS)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
async def failing(number: int, times: int) -> str:
    """Fail so often."""
    if current_job.attempt <= times:
        raise ValueError(f"attempt {current_job.attempt} of {number} fails")
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
async def snoozing(number: int) -> str:
    """Ask to run again."""
    if present_job().token == 1:
        raise Snooze(0.5)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
def deadly(number: int) -> str:
    """Kill the engine, the first time."""
    if present_job().token == 1:
        pen.write(Op.FAULT, kind="job kills engine", scope=str(os.getppid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{number}:{present_job().token}"


@app.task(process=True, retry=RETRY)
def isolated(number: int, seconds: float) -> str:
    """Be busy in a process of its own, and hear nobody."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        beat()
        time.sleep(BEAT_SECONDS)
    return f"{number}:{present_job().token}"


@app.task(process=True, retry=RETRY)
def isolated_deadly(number: int) -> str:
    """Kill the process of its own, the first time."""
    if present_job().token == 1:
        pen.write(Op.FAULT, kind="job kills solo", scope=str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
async def endless(number: int) -> str:
    """Go on until it is cancelled, or for much longer than that may take."""
    ends_at = time.monotonic() + ENDLESS_SECONDS
    while time.monotonic() < ends_at:
        beat()
        await asyncio.sleep(BEAT_SECONDS)
    return f"{number}:{present_job().token}"


@app.task(retry=RETRY)
def endless_in_thread(number: int) -> str:
    """Do the same in a thread."""
    ends_at = time.monotonic() + ENDLESS_SECONDS
    while time.monotonic() < ends_at:
        beat()
        current_job.check_cancelled()
        time.sleep(BEAT_SECONDS)
    return f"{number}:{present_job().token}"


def beat() -> None:
    """Show that the code runs."""
    pen.write(Op.BEAT, job=present_job().id, token=present_job().token)


def say(current: float, total: float) -> None:
    """Tell a progress, and write down that it was told."""
    job = present_job()
    text = f"{job.token}/{current:.3f}"
    pen.write(Op.PROGRESS, job=job.id, token=job.token, kind=text)
    current_job.progress(current, total, text)
