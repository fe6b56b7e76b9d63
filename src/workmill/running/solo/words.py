"""What an engine and a solo process say to each other: JSON, one message a line, over a socket pair.

```
engine                                          solo
   │ spawn ─────────────────────────────────────► loading the target ──cannot──► exit 3
   │ ◄──────────────────────────────────── ready │
   │ perform(job) ──────────────────────────────► running
   │ ask(why) ──────────────────────────────────► running, and the task is told to end
   │ ◄──────────────────────────────── progress* │
   │ ◄──────────────────────────────── finishing │ the job may have ended itself in a transaction of its own
   │ ◄──────────────────────────────────── ended │ ready for the next job
   │ leave ─────────────────────────────────────► exit 0
```

The line closes: the engine is dead, and the solo ends itself with what it started. The solo ends without `ended`: it
died, and how is for the engine to see.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias, assert_never

from workmill.running.solo.outcomes import (
    outcome_from_json,
    outcome_to_json,
    transition_from_json,
    transition_to_json,
)
from workmill.words.codec import (
    Json,
    dump,
    dump_failure,
    dump_policy,
    dump_progress,
    load,
    load_failure,
    load_policy,
    load_progress,
)
from workmill.words.job import Job, JobState, Progress
from workmill.words.outcome import Outcome
from workmill.words.ties_codec import dump_ties, load_ties
from workmill.words.transition import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The solo has loaded the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perform:
    """Run this job."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Have the job that was last to be run end, if it still runs."""

    reason: str | None
    gives_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How far the job that runs says it is."""

    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """The job that runs ends itself in a transaction of its own: this may be stored from now on."""

    transition: Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The job that ran is over, and this became of it; it is stored already where the job `has_finished` itself."""

    outcome: Outcome
    has_finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Exit in order."""


Message: TypeAlias = Ready | Perform | Ask | Told | Finishing | Ended | Leave


def write(message: Message) -> bytes:
    """Write a message as one line."""
    return dump(_to_json(message)) + b"\n"


def read(line: bytes) -> Message:
    """Read the line of a message.

    Raises:
        ValueError: It is none.
    """
    try:
        said = load(line)
        return _READ[said[0]](said)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"not a message: {line[:80]!r}") from error


def _to_json(message: Message) -> Json:
    match message:
        case Ended():
            return ["ended", outcome_to_json(message.outcome), message.has_finished]
        case Perform():
            return ["perform", _job_to_json(message.job)]
        case Told():
            return ["told", dump_progress(message.progress)]
        case Finishing():
            return ["finishing", transition_to_json(message.transition)]
        case Ask():
            return ["ask", message.reason, message.gives_back]
        case Ready():
            return ["ready"]
        case Leave():
            return ["leave"]
    assert_never(message)


_READ: Mapping[str, Callable[[Json], Message]] = MappingProxyType(
    {
        "ended": lambda said: Ended(outcome=outcome_from_json(said[1]), has_finished=said[2]),
        "perform": lambda said: Perform(job=_job_from_json(said[1])),
        "finishing": lambda said: Finishing(transition=transition_from_json(said[1])),
        "told": lambda said: Told(progress=load_progress(said[1])),
        "ask": lambda said: Ask(reason=said[1], gives_back=said[2]),
        "ready": lambda _: Ready(),
        "leave": lambda _: Leave(),
    }
)
_MOMENTS = ("created_at", "run_at", "started_at", "finished_at", "expires_at", "cancel_requested_at")
_AS_THEY_ARE = (
    "id",
    "task",
    "queue",
    "priority",
    "state",
    "key",
    "attempt",
    "deaths",
    "token",
    "version",
    "worker",
    "engine",
    "cancel_reason",
    "cancel_forced",
    "retry_of",
)


def _job_to_json(job: Job) -> Json:
    fields: dict[str, Json] = {name: getattr(job, name) for name in _AS_THEY_ARE}
    for name in _MOMENTS:
        moment: datetime | None = getattr(job, name)
        fields[name] = None if moment is None else moment.isoformat()
    fields["args"] = job.args.decode()
    fields["policy"] = dump_policy(job.policy)
    fields["progress"] = None if job.progress is None else dump_progress(job.progress)
    fields["result"] = None if job.result is None else job.result.decode()
    fields["failure"] = None if job.failure is None else dump_failure(job.failure)
    fields["ties"] = None if job.ties is None else dump_ties(job.ties)
    return fields


def _job_from_json(fields: Json) -> Job:
    for name in _MOMENTS:
        if fields[name] is not None:
            fields[name] = datetime.fromisoformat(fields[name])
    fields["state"] = JobState(fields["state"])
    fields["args"] = fields["args"].encode()
    fields["policy"] = load_policy(fields["policy"])
    fields["progress"] = None if fields["progress"] is None else load_progress(fields["progress"])
    fields["result"] = None if fields["result"] is None else fields["result"].encode()
    fields["failure"] = None if fields["failure"] is None else load_failure(fields["failure"])
    fields["ties"] = None if fields["ties"] is None else load_ties(fields["ties"])
    return Job(**fields)
