"""What a supervisor and its engine children say to each other: JSON, one message a line, over a socket pair.

```
supervisor                                        engine child
    │ spawn ───────────────────────────────────────► loading the target ──cannot──► exit 3, said on stderr
    │ ◄────────────────────────── hello(url, tasks, …) │
    │ has a lease                                  ready
    │ go(worker, engine, queues, …, term) ─────────► working
    │ term, after every renewal ───────────────────► working
    │ quiet(on or off) ────────────────────────────► working, and while on it claims no more
    │ drain ───────────────────────────────────────► draining: claims no more, finishes what runs
    │ ◄──────────────────────────────────── draining │ it has heard, and from now on no claim is begun
    │ stop ────────────────────────────────────────► stopping: asks what runs to end, gives back the rest
    │ recall ──────────────────────────────────────► recalled: asks what runs to end, keeps the rest, and is killed
    │ ping, about every second ────────────────────► in any state: its lifeline answers, not its loop
    │ ◄────────────────────────────── pong(lag, …) * │
    │ ◄──────────────────────────────── solos(pids) * │ whenever one of its solo processes begins or ends
    │ ◄──────────────────────────────── bye(returned) │ every job is settled
    │ ◄─────────────────────────────────── exit 0 ─── ended
```

From any state of the child:

- The line closes: the supervisor is dead. As `stop`, and the child is gone within a second, whatever its code does.
- `term.stop_at` passes without a newer term: the supervisor is frozen or cannot renew. As `stop`.
- `term.over_at` passes: the lease may have ended. The child kills itself.

From any state of the supervisor: the child ends without `bye`: it died, and the jobs it holds are settled as
interrupted. A child that has not said hello is killed when the worker ends; it has no jobs.
"""

from dataclasses import asdict, dataclass
from typing import TypeAlias

from workmill.running.keeper import Term
from workmill.running.overstay import GRACE
from workmill.words.codec import Json, dump, load

REFUSED = 3
"""The exit code of a child that cannot load its target, and of a worker that ends for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The child has loaded the target: where its jobs are stored, which tasks it knows, which need a process each.

    Attributes:
        codes: Where a stack shows each task, as far as that can be told: its name, the file and the function's name.
    """

    url: str
    tasks: tuple[str, ...]
    process_tasks: tuple[str, ...] = ()
    codes: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Take jobs, under this worker's lease.

    Attributes:
        max_jobs: After how many jobs each of its solo processes makes room for a fresh one; None: never.
        max_memory: With how many bytes held it does so.
    """

    worker_id: str
    engine: int
    queues: tuple[str, ...] | None
    concurrency: int
    is_quiet: bool = False
    term: Term
    overstay_seconds: float = GRACE.total_seconds()
    max_jobs: int | None = None
    max_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prolong:
    """The lease was renewed."""

    term: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Take no more jobs for now, and finish what runs; or take jobs again."""

    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Take no more jobs and finish what runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """No claim is begun from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End now; what has not ended after the grace is given back."""

    grace_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Take no more jobs, and let what runs end and go back. What does not end is not settled: first it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Say that you live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The child lives, and some thread of it can have Python's lock.

    Attributes:
        lag_seconds: How long its event loop has not turned; 0 while it turns.
        has_overstayed: Whether a job runs that must have ended.
        job_id: Whose code keeps the loop from turning, where that is known.
        task: That job's task.
        jobs: How many jobs it has run so far.
        stack: Where that code is; while the loop turns, where the jobs are that must have ended.
    """

    lag_seconds: float = 0.0
    has_overstayed: bool = False
    job_id: str | None = None
    task: str | None = None
    jobs: int = 0
    stack: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solos:
    """The solo processes of the child that live now; each leads a process group, which must not outlive the child."""

    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """Nothing runs any more and all is settled; so many jobs were given back."""

    returned: int


Message: TypeAlias = Hello | Go | Prolong | Quiet | Drain | Draining | Stop | Recall | Ping | Pong | Solos | Bye

_KINDS: dict[str, type[Message]] = {
    kind.__name__.lower(): kind
    for kind in (Hello, Go, Prolong, Quiet, Drain, Draining, Stop, Recall, Ping, Pong, Solos, Bye)
}


def write(message: Message) -> bytes:
    """Write a message as one line."""
    return dump({"say": type(message).__name__.lower(), **asdict(message)}) + b"\n"


def read(line: bytes) -> Message:
    """Read the line of a message.

    Raises:
        ValueError: It is none.
    """
    try:
        fields = load(line)
        kind = _KINDS[fields.pop("say")]
        return kind(**{name: _field(name, value) for name, value in fields.items()})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a message: {line[:80]!r}") from error


def split(received: bytes) -> tuple[list[bytes], bytes]:
    """Split what was received into whole lines and the beginning of the next."""
    *lines, rest = received.split(b"\n")
    return lines, rest


def _field(name: str, value: Json) -> Json:
    if name == "term":
        return Term(**value)
    if name == "codes":
        return tuple(tuple(code) for code in value)
    return tuple(value) if isinstance(value, list) else value
