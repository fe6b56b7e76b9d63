"""What a server really brought to its disk, and when, seen from outside: what it says of that is not always true.

Valkey up to 9.1 and some versions of Redis 7 answer WAITAOF before they have synced, where they sync once a second.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ATTACHED = "attached"
READY_SECONDS = 10.0
CALLS = "write,fdatasync,fsync"
LINE = re.compile(
    r"^(\d+) +(\d+\.\d+) (?:<\.\.\. (\w+) resumed>|(\w+)\((\d+))(?:.*= (\d+) <(\d+\.\d+)>)?", re.MULTILINE
)
"""Thread and moment; of a call that was broken up by another thread's, its name alone in the second of two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the server that has ended, by the wall clock."""

    name: str
    file: str
    begun: float
    ended: float
    answer: int


class Syncs:
    """Watches how a server writes and syncs, while inside.

    Args:
        pid: The server's process.
        folder: Where the notes go.
    """

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._notes = folder / "calls"
        self._watching: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        options = ["-f", "-ttt", "-T", "-s", "0", "-e", f"trace={CALLS}", "-o", str(self._notes), "-p", str(self._pid)]
        self._watching = subprocess.Popen(["strace", *options], stderr=subprocess.PIPE)
        assert self._watching.stderr is not None
        said = self._watching.stderr.readline().decode()
        if ATTACHED not in said:
            self.__exit__(None, None, None)
            raise PermissionError(said.strip())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._watching is not None
        self._watching.terminate()
        self._watching.communicate(timeout=READY_SECONDS)

    def calls(self) -> list[Call]:
        """Return what was seen, in the order of ending."""
        return list(calls_in(self._notes.read_text()))


def calls_in(notes: str) -> Iterator[Call]:
    """Read the notes."""
    begun: dict[str, tuple[str, str, float]] = {}
    for thread, at, resumed, name, file, answer, length in LINE.findall(notes):
        if not resumed:
            begun[thread] = name, file, float(at)
        if answer and thread in begun:
            said, which, since = begun.pop(thread)
            yield Call(name=said, file=which, begun=since, ended=since + float(length), answer=int(answer))


def writes_after(calls: list[Call], moment: float) -> list[Call]:
    """Return the writes to the log that had not ended at a moment; the log is what the server syncs."""
    logs = {call.file for call in calls if call.name != "write"}
    return [call for call in calls if call.name == "write" and call.file in logs and call.ended > moment]


def forget_unsynced(calls: list[Call], folder: Path) -> None:
    """Shorten the log of a server that is down to what it had when its last sync began, as if the machine had died."""
    moment = max((call.begun for call in calls if call.name != "write"), default=0.0)
    unsynced = sum(call.answer for call in writes_after(calls, moment))
    [log] = [*folder.glob("appendonlydir/*.incr.aof"), *folder.glob("appendonly.aof")]
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - unsynced)


def longest_delay(calls: list[Call]) -> float:
    """Return how long it took at most from a write to the end of the first sync that began behind it."""
    syncs = sorted((call for call in calls if call.name != "write"), key=lambda call: call.begun)
    longest = 0.0
    for write in writes_after(calls, 0.0):
        behind = next((sync for sync in syncs if sync.begun >= write.ended), None)
        if behind is not None:
            longest = max(longest, behind.ended - write.begun)
    return longest


def can_watch() -> bool:
    """Say whether calls of another process can be seen here."""
    if shutil.which("strace") is None:
        return False
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(["sleep", str(READY_SECONDS)]) as sleeper:
        try:
            with Syncs(sleeper.pid, Path(folder)):
                return True
        except PermissionError:
            return False
        finally:
            sleeper.kill()
