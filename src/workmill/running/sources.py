"""Watching an application's source files, by looking again and again.

That works on every file system, also on those that tell nobody of a change (network shares, folders that a container or
a virtual machine mounts), needs no limit of the system raised, and holds nothing open. It costs a look at the folder's
Python files twice a second; where such a look takes long, they are fewer.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

LOOK_SECONDS = 0.5
"""How long it rests between two looks."""
REST_SHARE = 50
"""It rests at least this many times as long as a look took, so that it takes a fiftieth of a core at most."""
CALM_SECONDS = 0.1
"""Nothing may change for so long before a change is told: who saves many files, saves one after another."""
MOST_CALM_LOOKS = 20
"""After so many looks it is told all the same."""
PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Folders that hold no sources of the application; those whose name begins with a dot do not, either."""

Stamps: TypeAlias = Mapping[str, tuple[int, int, int]]
"""By path: when a file was modified, its size, and which file it is."""


def stamps_of(folder: Path) -> Stamps:
    """Look at every Python file in a folder and below, virtual environments left out."""
    found: dict[str, tuple[int, int, int]] = {}
    waiting = [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            listed = list(entries)
            if not any(entry.name == "pyvenv.cfg" for entry in listed):
                _look_at(listed, found, waiting)
    return found


def what_changed(before: Stamps, after: Stamps, folder: Path) -> str | None:
    """Say which file is new, gone or not what it was; None where all are the same."""
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if not changed:
        return None
    first = os.path.relpath(changed[0], folder)
    more = len(changed) - 1
    return f"{first} changed" if not more else f"{first} and {more} more file{'s' if more > 1 else ''} changed"


@contextmanager
def sources_watched(folder: Path | None, tell: Callable[[str], None]) -> Iterator[None]:
    """Call `tell` on this loop with what changed, whenever something did, while inside; None watches nothing."""
    if folder is None:
        yield
        return
    is_over = threading.Event()
    told = partial(_tell, asyncio.get_running_loop(), tell)
    # A thread that nobody waits for: a file system that hangs must not keep the worker from ending.
    threading.Thread(target=_watch, args=(folder, told, is_over), name="workmill-sources", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _look_at(entries: list[os.DirEntry[str]], found: dict[str, tuple[int, int, int]], waiting: list[str]) -> None:
    for entry in entries:
        with suppress(OSError):
            if entry.name.endswith(".py") and entry.is_file():
                status = entry.stat()
                found[entry.path] = (status.st_mtime_ns, status.st_size, status.st_ino)
            elif entry.is_dir(follow_symlinks=False) and not _is_passed_over(entry.name):
                waiting.append(entry.path)


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name in PASSED_OVER


def _watch(folder: Path, tell: Callable[[str], None], is_over: threading.Event) -> None:
    known, seconds = _timed_look(folder)
    while not is_over.wait(max(LOOK_SECONDS, seconds * REST_SHARE)):
        seen, seconds = _timed_look(folder)
        if seen != known:
            seen = _when_calm(folder, seen, is_over)
            if what := what_changed(known, seen, folder):
                tell(what)
            known = seen


def _when_calm(folder: Path, seen: Stamps, is_over: threading.Event) -> Stamps:
    for _ in range(MOST_CALM_LOOKS):
        if is_over.wait(CALM_SECONDS):
            break
        before, seen = seen, stamps_of(folder)
        if seen == before:
            break
    return seen


def _timed_look(folder: Path) -> tuple[Stamps, float]:
    began = time.monotonic()
    return stamps_of(folder), time.monotonic() - began


def _tell(loop: asyncio.AbstractEventLoop, tell: Callable[[str], None], what: str) -> None:
    with suppress(RuntimeError):  # The loop is closed: the worker has ended.
        loop.call_soon_threadsafe(tell, what)
