"""What a storm is made of, kept beside its history so that it can be checked again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SETTINGS = "run.json"
HISTORY = "history"
LOGS = "logs"
DUMP = "dump.json"
FOLDER_VARIABLE = "WORKMILL_PROOF_FOLDER"
LOOP = "rounds"
"""The name of the loop that goes on in a storm with rules."""
SWEEP_SECONDS = 2.0
POLL_SECONDS = 5.0
RESTART_SECONDS = 5.0
"""How long it may take until a worker that was killed is back, on a machine that is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One storm.

    Attributes:
        seed: What decides the faults and the jobs; when which process runs stays the machine's business.
        rate: Jobs a second of each producer, about.
        rules: Whether jobs with limits, rates, keys and parents are among them, and a loop goes on beside them.
    """

    store: str
    seconds: float
    seed: int
    workers: int = 3
    producers: int = 2
    concurrency: int = 8
    rate: float = 30.0
    lease: float = 5.0
    rules: bool = False
    only: tuple[str, ...] = ()
    """The kinds of faults; all where none is named."""

    @property
    def bound(self) -> float:
        """G6: until a job that a fault hit begins again."""
        return self.lease + SWEEP_SECONDS + POLL_SECONDS + RESTART_SECONDS

    @property
    def tail(self) -> float:
        """How long after its end a fault still explains what becomes of an attempt."""
        return self.lease + POLL_SECONDS


def save_settings(settings: Settings, folder: Path) -> None:
    """Keep them."""
    (folder / SETTINGS).write_text(json.dumps(asdict(settings)))


def load_settings(folder: Path) -> Settings:
    """Read what was kept."""
    kept = json.loads((folder / SETTINGS).read_text())
    return Settings(**{**kept, "only": tuple(kept["only"])})
