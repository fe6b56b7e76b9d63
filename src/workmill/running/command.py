"""How a worker's processes are started: fresh interpreters that load the target, never forks of a threaded program."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the processes of a worker load: `module:attribute`, from where, and how they log."""

    name: str
    folder: Path
    log_level: str | None = None
    log_format: str | None = None

    def command(self, module: str, *words: str) -> list[str]:
        """Return the words that start a child of this process."""
        command = [sys.executable, "-P", "-m", module, f"--parent={os.getpid()}", f"--folder={self.folder}", *words]
        command += [f"--log-level={self.log_level}"] if self.log_level else []
        command += [f"--log-format={self.log_format}"] if self.log_format else []
        return [*command, self.name]
