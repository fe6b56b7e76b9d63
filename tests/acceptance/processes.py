"""What other processes do, seen through /proc: which there are under one, and when they have ended."""

import contextlib
import os
import select
import time
from pathlib import Path


def children(pid: int | None = None) -> set[int]:
    """Return the living children of a process, of this one without a pid."""
    parent = os.getpid() if pid is None else pid
    return {child for child, of in _parents().items() if of == parent}


def descendants(pid: int) -> set[int]:
    """Return every living process under this one."""
    parents = _parents()
    found, wave = set[int](), {pid}
    while wave:
        wave = {child for child, of in parents.items() if of in wave} - found
        found |= wave
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def await_end(pids: set[int], seconds: float) -> set[int]:
    """Wait until these processes have ended; return those that have not."""
    deadline = time.monotonic() + seconds
    return {pid for pid in pids if not _has_ended(pid, max(0.0, deadline - time.monotonic()))}


def _has_ended(pid: int, seconds: float) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def _parents() -> dict[int, int]:
    """Return the parent of every process that has not ended."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name in parentheses may itself hold anything, so what follows is counted from its end.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    return parents
