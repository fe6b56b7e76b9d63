"""Why a job is not running: one reason, the most decisive, for machines and in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from workmill.craft.document import moment_text
from workmill.store import MOST_AHEAD, LimitReached, Obstacles, RateReached, Worker
from workmill.words.codec import Json
from workmill.words.job import Job, JobState
from workmill.words.limit import Rule, Scope
from workmill.words.order import Order

MOST_SAID = 3
"""How many jobs a sentence names; the details name more."""


class WhyCode(StrEnum):
    """The reasons there are."""

    FINAL = "final"
    """It is over."""
    RUNNING = "running"
    """It runs."""
    SCHEDULED = "scheduled"
    """Its time has not come."""
    RETRYING = "retrying"
    """It failed, and the time of its next attempt has not come."""
    WAITING = "waiting"
    """It waits for other jobs."""
    PAUSED = "paused"
    """Its queue is paused."""
    NO_WORKER_FOR_QUEUE = "no_worker_for_queue"
    """No live worker takes its queue."""
    NO_WORKER_FOR_TASK = "no_worker_for_task"
    """Live workers take its queue, and none of them knows its task."""
    LIMIT_REACHED = "limit_reached"
    """As many jobs run as a rule allows."""
    RATE_REACHED = "rate_reached"
    """As many jobs have begun as a rule allows."""
    SLOTS_BUSY = "slots_busy"
    """All who would take it have as much to do as they can."""
    BEHIND = "behind"
    """Others are taken before it."""
    READY = "ready"
    """Nothing holds it back: it is taken next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a job does not run, or that it does.

    Attributes:
        code: What a program branches on.
        sentence: What a person reads: it names what holds the job back, and since or until when.
        details: What the sentence says, as JSON values, and more of it.
    """

    code: WhyCode
    sentence: str
    details: dict[str, Json] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence


def why(job: Job, obstacles: Obstacles, workers: Sequence[Worker]) -> Why:
    """Return why a job does not run, of what was read about it, all at about the same time."""
    match job.state:
        case JobState.SUCCEEDED | JobState.FAILED | JobState.CANCELLED:
            return _final(job)
        case JobState.RUNNING:
            return _running(job, workers)
        case JobState.SCHEDULED:
            said = f"it is not to start before {_moment(job.run_at)}"
            return Why(code=WhyCode.SCHEDULED, sentence=said, details={"run_at": moment_text(job.run_at)})
        case JobState.RETRYING:
            return _retrying(job)
        case JobState.WAITING:
            return _waiting(obstacles)
        case JobState.QUEUED:
            return _queued(job, obstacles, workers)


def _final(job: Job) -> Why:
    said = f"it is over: it has {job.state}" if job.state is not JobState.CANCELLED else "it is over: it was cancelled"
    why_cancelled = f", as {job.cancel_reason}" if job.cancel_reason else ""
    sentence = f"{said} at {_moment(job.finished_at)}{why_cancelled}"
    details: dict[str, Json] = {"state": str(job.state), "finished_at": moment_text(job.finished_at)}
    return Why(code=WhyCode.FINAL, sentence=sentence, details=details)


def _running(job: Job, workers: Sequence[Worker]) -> Why:
    worker = next((each for each in workers if each.id == job.worker), None)
    name = job.worker if worker is None else worker.name
    asked = (
        "" if job.cancel_requested_at is None else f"; its cancel was requested at {_moment(job.cancel_requested_at)}"
    )
    gone = "" if worker is None or worker.is_live else ", which is gone: the job is about to be taken from it"
    sentence = f"it runs since {_moment(job.started_at)} on worker {name}{gone}{asked}"
    details: dict[str, Json] = {"worker": job.worker, "worker_name": name, "started_at": moment_text(job.started_at)}
    return Why(code=WhyCode.RUNNING, sentence=sentence, details=details)


def _retrying(job: Job) -> Why:
    failed = "" if job.failure is None else f" ({job.failure.type})"
    sentence = f"attempt {job.attempt} failed{failed}; the next begins at {_moment(job.run_at)}"
    return Why(
        code=WhyCode.RETRYING, sentence=sentence, details={"attempt": job.attempt, "run_at": moment_text(job.run_at)}
    )


def _waiting(obstacles: Obstacles) -> Why:
    missing = obstacles.parents_missing
    sentence = f"it waits for {_jobs(obstacles.parents, missing)}"
    return Why(code=WhyCode.WAITING, sentence=sentence, details={"jobs": list(obstacles.parents), "missing": missing})


def _queued(job: Job, obstacles: Obstacles, workers: Sequence[Worker]) -> Why:
    live = [worker for worker in workers if worker.is_live]
    return (
        _paused(obstacles)
        or _nobody(job, live)
        or _limited(obstacles.limits)
        or _rated(obstacles.rates)
        or _busy(job, obstacles, _takers(job, live))
    )


def _paused(obstacles: Obstacles) -> Why | None:
    pause = obstacles.paused
    if pause is None:
        return None
    by = f" by {pause.by}" if pause.by else ""
    sentence = f"queue {pause.queue} is paused since {_moment(pause.since)}{by}"
    details: dict[str, Json] = {"queue": pause.queue, "since": moment_text(pause.since), "by": pause.by}
    return Why(code=WhyCode.PAUSED, sentence=sentence, details=details)


def _nobody(job: Job, live: Sequence[Worker]) -> Why | None:
    at_queue = [worker for worker in live if _takes_queue(worker, job.queue)]
    working = [worker for worker in at_queue if worker.order is Order.WORK]
    if not working:
        said = f"no live worker takes queue {job.queue}; {_instead(live, at_queue)}"
        details: dict[str, Json] = {"queue": job.queue, "live": len(live), "quiet": len(at_queue)}
        return Why(code=WhyCode.NO_WORKER_FOR_QUEUE, sentence=said, details=details)
    if any(job.task in worker.tasks for worker in working):
        return None
    names = ", ".join(worker.name for worker in working[:MOST_SAID])
    many = _count(len(working), "worker")
    said = f"no live worker knows task {job.task}: {many} on queue {job.queue} ({names}) without it"
    details = {"task": job.task, "queue": job.queue, "workers": [worker.id for worker in working]}
    return Why(code=WhyCode.NO_WORKER_FOR_TASK, sentence=said, details=details)


def _instead(live: Sequence[Worker], at_queue: Sequence[Worker]) -> str:
    if at_queue:
        return f"{_count(len(at_queue), 'worker')} would, but {'is' if len(at_queue) == 1 else 'are'} quiet or stopping"
    return f"{_count(len(live), 'live worker')} on other queues" if live else "none is live at all"


def _limited(limits: Sequence[LimitReached]) -> Why | None:
    if not limits:
        return None
    limit = limits[0]
    held = f"; held by {_jobs(limit.job_ids, limit.running)}" if limit.running else ""
    since = "" if limit.since is None else f", the first since {_moment(limit.since)}"
    allowed = f"{limit.rule.running} of {_subject(limit.rule, limit.key)} may run at a time"
    details: dict[str, Json] = {
        **_rule(limit.rule, limit.key),
        "limit": limit.rule.running,
        "running": limit.running,
        "jobs": list(limit.job_ids),
        "since": moment_text(limit.since),
    }
    return Why(code=WhyCode.LIMIT_REACHED, sentence=f"{allowed}{held}{since}", details=details)


def _rated(rates: Sequence[RateReached]) -> Why | None:
    if not rates:
        return None
    # The one that lets it begin last decides; one that never does is later than all.
    rate = max(rates, key=lambda each: each.opens_at or datetime.max.replace(tzinfo=UTC))
    allowed = rate.rule.rate
    said = "no more" if allowed is None else f"{allowed.count} in {allowed.per.total_seconds():g} s"
    opens = f"the next may at {_moment(rate.opens_at)}" if rate.opens_at else "it is not known when the next may"
    sentence = f"{said} of {_subject(rate.rule, rate.key)} may begin, and as many have; {opens}"
    details: dict[str, Json] = {
        **_rule(rate.rule, rate.key),
        "count": None if allowed is None else allowed.count,
        "per_seconds": None if allowed is None else allowed.per.total_seconds(),
        "opens_at": moment_text(rate.opens_at),
    }
    return Why(code=WhyCode.RATE_REACHED, sentence=sentence, details=details)


def _busy(job: Job, obstacles: Obstacles, takers: Sequence[Worker]) -> Why:
    running, slots = (sum(each) for each in zip(*((one.running, one.concurrency) for one in takers), strict=True))
    ahead = f"{MOST_AHEAD:,} or more" if obstacles.ahead >= MOST_AHEAD else f"{obstacles.ahead:,}"
    details: dict[str, Json] = {"queue": job.queue, "ahead": obstacles.ahead, "running": running, "slots": slots}
    if all(worker.running >= worker.concurrency for worker in takers):
        before = f"; {ahead} are taken before it" if obstacles.ahead else "; it is next"
        said = f"all {_count(slots, 'slot')} of {_count(len(takers), 'worker')} are taken{before}"
        return Why(code=WhyCode.SLOTS_BUSY, sentence=said, details=details)
    if obstacles.ahead:
        said = f"{ahead} queued jobs are taken before it on queue {job.queue}"
        return Why(code=WhyCode.BEHIND, sentence=said, details=details)
    return Why(code=WhyCode.READY, sentence="nothing holds it back: a worker takes it next", details=details)


def _takers(job: Job, live: Sequence[Worker]) -> list[Worker]:
    return [
        worker
        for worker in live
        if worker.order is Order.WORK and _takes_queue(worker, job.queue) and job.task in worker.tasks
    ]


def _takes_queue(worker: Worker, queue: str) -> bool:
    return worker.queues is None or queue in worker.queues


def _subject(rule: Rule, key: str | None) -> str:
    if rule.scope is Scope.KEY:
        return f"key {key!r} of limit {rule.name}"
    return f"{rule.scope} {rule.name}"


def _rule(rule: Rule, key: str | None) -> dict[str, Json]:
    return {"scope": str(rule.scope), "name": rule.name, "key": key}


def _jobs(ids: Sequence[str], count: int) -> str:
    if not ids:
        return "other jobs"
    named = ", ".join(ids[:MOST_SAID])
    more = count - len(ids[:MOST_SAID])
    return f"{'job' if count == 1 else 'jobs'} {named}" + (f" and {more:,} more" if more > 0 else "")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _moment(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
