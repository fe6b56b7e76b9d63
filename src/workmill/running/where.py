"""Where the code of a run is just now, as text: a thread's frames, or what a suspended coroutine awaits."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from types import CoroutineType, FrameType

from workmill.craft import executor, threads
from workmill.craft.run import Run
from workmill.running.stack import STACK_BYTES


def where_runs(runs: Sequence[tuple[Run, "asyncio.Task[None]"]]) -> str:
    """Return where the code of each of these runs is. From any thread."""
    frames = _frames_of_threads()
    parts = []
    for run, task in runs:
        at = frames.get(run)
        found = list(traceback.walk_stack(at))[::-1] if at else [(each, each.f_lineno) for each in _awaited(task)]
        parts.append(f"job {run.job.id} {run.job.task}:\n{_written(found)}")
    return "\n".join(parts)[:STACK_BYTES]


def where_thread(ident: int) -> str:
    """Return where a thread is. From any thread."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - the documented way to see another thread
    return _written(list(traceback.walk_stack(frame))[::-1])[-STACK_BYTES:] if frame else ""


def _frames_of_threads() -> dict[Run, FrameType]:
    """Return the innermost frame of each thread that runs a plain function, by its run."""
    found = {}
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way to see another thread
        run = None if ident == threading.get_ident() else _run_of_thread(frame)
        if run is not None:
            found[run] = frame
    return found


def _run_of_thread(frame: FrameType) -> Run | None:
    for each, _ in traceback.walk_stack(frame):
        if each.f_code is threads.called.__code__:
            return Run.of(each.f_locals["context"])
    return None


def _awaited(task: "asyncio.Task[None]") -> Iterator[FrameType]:
    """Follow what a task awaits, from the outermost coroutine to the innermost."""
    awaited: object = task.get_coro()
    while isinstance(awaited, CoroutineType):
        if awaited.cr_frame is not None:
            yield awaited.cr_frame
        awaited = awaited.cr_await


def _written(frames: Sequence[tuple[FrameType, int]]) -> str:
    """Write frames, outermost first, without those that lead to the task's code."""
    ours = (executor.__file__, threads.__file__)
    last = max((at for at, (frame, _) in enumerate(frames) if frame.f_code.co_filename in ours), default=-1)
    return "".join(traceback.StackSummary.extract(iter(frames[last + 1 :])).format())
