"""When a process has run enough, and makes room for a fresh one: user code leaks memory, and so do its libraries."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from os import sysconf
from pathlib import Path

from workmill.words.size import shown_size

PROC = Path("/proc")
PS_SECONDS = 2.0


class Wear(Enum):
    """Which limit a process has reached."""

    JOBS = auto()
    MEMORY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a process may run before a fresh one takes its place. None: as much as comes.

    Attributes:
        jobs: How many jobs.
        memory: With how many bytes held by itself, what it has started left out.
    """

    jobs: int | None = None
    memory: int | None = None

    def wear(self, jobs: int, memory: Callable[[], int]) -> tuple[Wear, str] | None:
        """Say which limit one that has run so many jobs and holds so much has reached, and how; None where none."""
        if self.jobs is not None and jobs >= self.jobs:
            return Wear.JOBS, f"it has run {jobs} job{'' if jobs == 1 else 's'}"
        if self.memory is not None and (held := memory()) >= self.memory:
            return Wear.MEMORY, f"it holds {shown_size(held)}, and {shown_size(self.memory)} are allowed"
        return None


NO_LIMITS = Limits()


def resident_of(pid: int) -> int:
    """Return how many bytes of memory a process holds; 0 for one that is gone, or where nothing tells."""
    with suppress(OSError, ValueError, IndexError, subprocess.SubprocessError):
        if PROC.exists():
            return int((PROC / str(pid) / "statm").read_text().split()[1]) * sysconf("SC_PAGE_SIZE")
        command = ["/bin/ps", "-o", "rss=", "-p", str(pid)]
        said = subprocess.run(command, capture_output=True, timeout=PS_SECONDS, check=False)
        return int(said.stdout) * 1024
    return 0
