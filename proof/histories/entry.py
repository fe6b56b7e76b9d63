"""What a history is made of: one record for everything that a client, a job, a worker or the nemesis says."""

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TypedDict

from workmill.words.codec import Json


class Op(StrEnum):
    """What an entry speaks of."""

    ENQUEUE = "enqueue"
    """A client stores a job."""
    CANCEL = "cancel"
    """A client cancels one."""
    READ = "read"
    """A client reads one; `found` says whether it was there."""
    START = "start"
    """A job's code began."""
    BEAT = "beat"
    """A job's code still runs."""
    PROGRESS = "progress"
    """A job's code said how far it is."""
    END = "end"
    """A job's code ended; `kind` says how."""
    SETTLED = "settled"
    """An engine was told that its settle was applied."""
    REFUSED = "refused"
    """An engine was told that its write is stale."""
    WORKER = "worker"
    """A worker got its lease."""
    LOST = "lost"
    """A worker found that its lease had ended."""
    GONE = "gone"
    """A worker's or client's process ended; `kind` is its exit code."""
    FAULT = "fault"
    """The nemesis did something, until `until`."""


class Phase(StrEnum):
    """How far a client's call came. `unknown` is an error after sending: it may have taken effect."""

    INTENT = "intent"
    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a history. Fields that say nothing keep their defaults and are not written.

    Attributes:
        at: Seconds by a clock that all processes of the machine share.
        pid: Who says so.
        job: The job's id; for a refused enqueue, the id that was tried.
        unique: The name under which there may be no second job of the task (enqueue).
        sha: The digest of the arguments (enqueue, start) or of the result (end, read).
        batch: What enqueues that are stored all or none share.
        can_vanish: The job may be pruned before the history ends.
        scope: Whom a fault hits: `store`, or the worker's id, or a process's id; also, who is gone.
        until: When a fault was healed.
        began: When a read was sent.
    """

    op: Op
    at: float = 0.0
    pid: int = 0
    phase: Phase | None = None
    job: str = ""
    token: int = 0
    version: int = 0
    state: str = ""
    worker: str = ""
    key: str = ""
    unique: str = ""
    sha: str = ""
    batch: str = ""
    kind: str = ""
    scope: str = ""
    until: float = 0.0
    began: float = 0.0
    found: bool = True
    can_vanish: bool = False

    def line(self) -> bytes:
        """Write it as one line."""
        said = {name: value for name, value in asdict(self).items() if value != _DEFAULTS[name]}
        return json.dumps(said, separators=(",", ":")).encode() + b"\n"


class Said(TypedDict, total=False):
    """What may be said in an entry beside what it speaks of; by default it is said now."""

    at: float
    phase: Phase
    job: str
    token: int
    version: int
    state: str
    worker: str
    key: str
    unique: str
    sha: str
    batch: str
    kind: str
    scope: str
    until: float
    began: float
    found: bool
    can_vanish: bool


_DEFAULTS = {field.name: field.default for field in fields(Entry)}


def read_line(line: bytes) -> Entry:
    """Read what `Entry.line` wrote.

    Raises:
        ValueError: It is no entry.
    """
    try:
        said: dict[str, Json] = json.loads(line)
        phase = said.pop("phase", None)
        return Entry(op=Op(said.pop("op")), phase=None if phase is None else Phase(phase), **said)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no entry of a history: {line[:80]!r}") from error
