"""What the store held when all was over, in plain records that can be kept and checked again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from proof.histories.pen import digest
from workmill.store import JobFilter, RuleState, Store
from workmill.words.codec import load
from workmill.words.job import Attempt, Ending, Job, JobState
from workmill.words.schedule import Schedule
from workmill.words.ties import Ties

PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt that has ended; times are the store's, in seconds."""

    number: int
    token: int
    worker: str
    started_at: float
    ended_at: float
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One job as the store holds it; times are the store's, in seconds, and 0 where there is none.

    Attributes:
        gates: What it passes to begin: names and keys.
        parents: Whom it follows.
        needs: What must become of them.
    """

    id: str
    task: str
    queue: str
    state: JobState
    sha: str
    key: str
    attempt: int
    deaths: int
    token: int
    version: int
    max_attempts: int
    max_deaths: int
    result: str
    progress: str
    is_cancel_requested: bool
    attempts: tuple[Tried, ...]
    created_at: float = 0.0
    finished_at: float = 0.0
    schedule: str = ""
    tick: float = 0.0
    gates: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A rule that was in force.

    Attributes:
        limit: How many may run at a time; None where it does not say.
        count: How many may begin in `seconds`; None where it does not say.
        running: How many ran by the store's count when all was over.
    """

    scope: str
    name: str
    limit: int | None = None
    count: int | None = None
    seconds: float = 0.0
    running: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A schedule as it stood when all was over.

    Attributes:
        pause: Of a loop, the seconds between the end of one round and the next; None of any other.
        has_next: Whether it will make another job without anybody's help.
    """

    name: str
    overlap: str
    pause: float | None = None
    is_active: bool = False
    has_next: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """All jobs, and the numbers that the store gives of them.

    Attributes:
        flaws: What in the store's own indices and counters did not agree with its jobs, where those could be seen.
    """

    jobs: tuple[Kept, ...]
    counts: tuple[tuple[str, str, str, int], ...]
    rules: tuple[Held, ...] = ()
    schedules: tuple[Planned, ...] = ()
    flaws: tuple[str, ...] = ()


async def take_dump(store: Store) -> Dump:
    """Read everything that a store holds."""
    jobs: list[Job] = []
    cursor: str | None = None
    while True:
        page = await store.find(JobFilter(), limit=PAGE, cursor=cursor)
        jobs += page.jobs
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    parents = dict(zip([job.id for job in jobs], await store.parents([job.id for job in jobs]), strict=True))
    kept = [_kept(job, await store.attempts(job.id), parents[job.id]) for job in reversed(jobs)]
    counts = tuple((each.queue, each.task, str(each.state), each.jobs) for each in await store.counts())
    rules = tuple(_held(each) for each in await store.rules())
    schedules, _ = await store.schedules(limit=PAGE, cursor=None)
    return Dump(jobs=tuple(kept), counts=counts, rules=rules, schedules=tuple(_planned(each) for each in schedules))


def save_dump(dump: Dump, path: Path) -> None:
    """Write a dump to a file."""
    path.write_text(json.dumps(asdict(dump), indent=0))


def load_dump(path: Path) -> Dump:
    """Read what `save_dump` wrote."""
    said = json.loads(path.read_text())
    jobs = [
        Kept(
            **{
                **job,
                "state": JobState(job["state"]),
                "gates": tuple((name, key) for name, key in job["gates"]),
                "parents": tuple(job["parents"]),
                "attempts": tuple(Tried(**{**each, "ending": Ending(each["ending"])}) for each in job["attempts"]),
            }
        )
        for job in said["jobs"]
    ]
    return Dump(
        jobs=tuple(jobs),
        counts=tuple((row[0], row[1], row[2], row[3]) for row in said["counts"]),
        rules=tuple(Held(**rule) for rule in said["rules"]),
        schedules=tuple(Planned(**each) for each in said["schedules"]),
        flaws=tuple(said.get("flaws", ())),
    )


def _kept(job: Job, attempts: Sequence[Attempt], parents: tuple[str, ...]) -> Kept:
    ties = job.ties or Ties()
    return Kept(
        id=job.id,
        task=job.task,
        queue=job.queue,
        state=job.state,
        sha=digest(load(job.args)),
        key=job.key or "",
        attempt=job.attempt,
        deaths=job.deaths,
        token=job.token,
        version=job.version,
        max_attempts=job.policy.max_attempts,
        max_deaths=job.policy.max_deaths,
        result="" if job.result is None else digest(load(job.result)),
        progress="" if job.progress is None else job.progress.message or "",
        is_cancel_requested=job.cancel_requested_at is not None,
        attempts=tuple(_tried(attempt) for attempt in attempts),
        created_at=_seconds(job.created_at),
        finished_at=_seconds(job.finished_at),
        schedule=ties.schedule or "",
        tick=_seconds(ties.tick),
        gates=tuple((gate.name, gate.key) for gate in ties.gates),
        parents=parents,
        needs=str(ties.needs),
    )


def _held(state: RuleState) -> Held:
    rule = state.rule
    return Held(
        scope=str(rule.scope),
        name=rule.name,
        limit=rule.running,
        count=None if rule.rate is None else rule.rate.count,
        seconds=0.0 if rule.rate is None else rule.rate.per.total_seconds(),
        running=state.running,
    )


def _planned(schedule: Schedule) -> Planned:
    pause = schedule.plan.pause
    return Planned(
        name=schedule.plan.name,
        overlap=str(schedule.plan.overlap),
        pause=None if pause is None else pause.total_seconds(),
        is_active=schedule.is_active,
        has_next=schedule.next_at is not None,
    )


def _tried(attempt: Attempt) -> Tried:
    return Tried(
        number=attempt.number,
        token=attempt.token,
        worker=attempt.worker or "",
        started_at=_seconds(attempt.started_at),
        ended_at=_seconds(attempt.ended_at),
        ending=attempt.ending,
    )


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
