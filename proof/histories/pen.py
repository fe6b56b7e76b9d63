"""Writing a history down: one append-only file for each process, outside the store, so that no crash takes it away."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Unpack

from proof.histories.entry import Entry, Op, Said
from workmill.running.elapsed import elapsed
from workmill.words.codec import Json


class Pen:
    """Appends entries to a file of this process's own, each by one write, so that a kill tears at most the last.

    Args:
        folder: Where the history's files are.
        role: Who writes, for people.
    """

    def __init__(self, folder: Path, role: str) -> None:
        self._folder = folder
        self._role = role
        self._pid = 0
        self._file = -1
        self.is_dry = False
        """Set when its process counts as dead: what it would still say is not heard."""

    def write(self, op: Op, **said: Unpack[Said]) -> None:
        """Append one entry. From any thread, and in a forked child to a file of its own."""
        if not self.is_dry:
            said.setdefault("at", elapsed())
            os.write(self._opened(), Entry(op=op, pid=os.getpid(), **said).line())

    def close(self) -> None:
        """Close the file; a later entry opens it again."""
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
        self._file, self._pid = -1, 0

    def _opened(self) -> int:
        if self._pid != os.getpid():
            path = self._folder / f"{self._role}-{os.getpid()}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._pid = os.getpid()
        return self._file


def digest(value: Json) -> str:
    """Return a short digest of a JSON value, the same however the value was written."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
