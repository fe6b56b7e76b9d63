"""Waiting for a job with a person looking on, and saying how it ended."""

import os
import sys
import time

from workmill import App, JobHandle, JobState, WaitTimeout, WhyCode
from workmill.cli.exits import Exit
from workmill.cli.terminal import clean, say

GLANCE_SECONDS = 30.0
"""How long one wait at the store lasts."""


def follow(handle: JobHandle[object], seconds: float) -> None:
    """Wait for a job to end, showing its progress where stderr is a terminal.

    Raises:
        WaitTimeout: It has not ended after so many seconds; it goes on.
    """
    ends_at = time.monotonic() + seconds
    line = _Line()
    try:
        while not handle.done:
            line.show(handle)
            remaining = ends_at - time.monotonic()
            if remaining <= 0:
                raise WaitTimeout(handle.id, handle.state, seconds)
            handle.refresh(min(remaining, GLANCE_SECONDS), since=handle.record.version)
    finally:
        line.clear()


def say_ending(handle: JobHandle[object]) -> Exit:
    """Say what went wrong with a job that has ended, if anything, and return the exit code that stands for its end."""
    job = handle.record
    match job.state:
        case JobState.FAILED:
            failure = job.failure
            what = f"{failure.type}: {failure.message}" if failure else "no error was recorded"
            trace = f"\n{failure.traceback.rstrip()}" if failure and failure.traceback else ""
            say(f"workmill: job {job.id} failed, attempt {job.attempt} of {job.policy.max_attempts}: {what}{trace}")
            return Exit.JOB_FAILED
        case JobState.CANCELLED:
            say(f"workmill: job {job.id} was cancelled: {job.cancel_reason or 'no reason was given'}")
            return Exit.JOB_CANCELLED
        case _:
            return Exit.OK


def warn_if_held(handle: JobHandle[object], app: App) -> None:
    """Say so where a job will not run until somebody does something about it, and what."""
    job = handle.record
    if job.state is not JobState.QUEUED:
        return
    reason = handle.why()
    match reason.code:
        case WhyCode.PAUSED:
            say(f"workmill: {reason.sentence}; let it go on with `workmill queues resume {job.queue}`")
        case WhyCode.NO_WORKER_FOR_QUEUE | WhyCode.NO_WORKER_FOR_TASK:
            known = f"start one with `workmill worker --queues {job.queue}`, or without --queues for all"
            unknown = f"the application has no task {job.task} either: register it again, or cancel the job"
            remedy = known if job.task in app.tasks else unknown
            say(f"workmill: no live worker takes jobs of task {job.task} from queue {job.queue}; {remedy}")


def is_looked_at() -> bool:
    """Whether a person looks at stderr on a terminal that can rewrite a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class _Line:
    """One line of a terminal, written over and over; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._is_shown = is_looked_at()

    def show(self, handle: JobHandle[object]) -> None:
        if self._is_shown:
            sys.stderr.write(f"\r\x1b[K{clean(_progress(handle))}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _progress(handle: JobHandle[object]) -> str:
    said = [str(handle.state)]
    if progress := handle.record.progress:
        total = "" if progress.total is None else f" of {progress.total:g}"
        said.append(f"{progress.current:g}{total}")
        said.append(progress.message or "")
    return "  ".join(filter(None, said))[:120]
