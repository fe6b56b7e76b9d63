"""How much memory a process takes, with all that it started, and whether the kernel has killed for want of it."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_PAGE = os.sysconf("SC_PAGE_SIZE")


def can_measure_memory() -> bool:
    """Whether this system tells how much memory a process takes."""
    return (PROC / "self" / "statm").exists()


def memory_of(pid: int) -> int:
    """Return the bytes that a process and all that it started hold in memory; 0 for one that is gone.

    One that has started others is counted by its share of each page: forked processes share most of theirs.
    """
    family = list(_family(pid))
    return _resident(pid) if len(family) == 1 else sum(_share(each) for each in family)


class KernelKills:
    """Looks whether the kernel has killed for want of memory: in our cgroup, or anywhere where there is none."""

    def __init__(self) -> None:
        self._known = _kernel_kills()

    def have_risen(self) -> bool:
        """Whether there were any since the last look."""
        before, self._known = self._known, _kernel_kills()
        return self._known > before


def _kernel_kills() -> int:
    for source in (*_cgroup_files(), PROC / "vmstat"):
        with suppress(OSError, ValueError):
            found = _KILLS.search(source.read_text())
            if found:
                return int(found[1])
    return 0


def _resident(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
    return 0


def _share(pid: int) -> int:
    with suppress(OSError, ValueError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError, ValueError):
        for thread in (PROC / str(pid) / "task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _cgroup_files() -> Iterator[Path]:
    with suppress(OSError):
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield CGROUPS / path.lstrip("/") / "memory.events"
            elif "memory" in controllers.split(","):
                yield CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control"
