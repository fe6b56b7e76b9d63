"""Plans of schedules: made of a job, a time and two rules, checked before anything is stored."""

from dataclasses import dataclass, replace
from datetime import datetime

from workmill.craft.when import When, check_when
from workmill.words.errors import InvalidOption
from workmill.words.job import NewJob
from workmill.words.names import check_name
from workmill.words.schedule import Missed, NewSchedule, Overlap, Plan
from workmill.words.ties import Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSchedule:
    """A schedule that code declares.

    Attributes:
        is_active: Whether it begins with the first worker, or waits to be started.
    """

    plan: Plan
    when: When
    is_active: bool

    def at(self, now: datetime) -> NewSchedule:
        """Return it as it begins at a moment."""
        return NewSchedule(plan=self.plan, next_at=self.when.first(now), is_active=self.is_active)


def plan_of(name: str, job: NewJob, when: When, *, overlap: Overlap | str, missed: Missed | str) -> Plan:
    """Make the plan of a schedule.

    Raises:
        InvalidOption: The name, the time or a rule is none, or the job has what a job of a schedule cannot have.
    """
    check_name("name", name)
    check_when(when)
    _check_job(job)
    return Plan(
        name=name,
        when=when.text,
        pause=when.pause,
        task=job.task,
        queue=job.queue,
        priority=job.priority,
        args=job.args,
        policy=job.policy,
        gates=() if job.ties is None else job.ties.gates,
        overlap=overlap_of(overlap),
        missed=missed_of(missed),
    )


def with_job(plan: Plan, job: NewJob) -> Plan:
    """Return a plan that makes another job.

    Raises:
        InvalidOption: The job has what a job of a schedule cannot have.
    """
    _check_job(job)
    gates = () if job.ties is None else job.ties.gates
    return replace(
        plan, task=job.task, queue=job.queue, priority=job.priority, args=job.args, policy=job.policy, gates=gates
    )


def overlap_of(overlap: Overlap | str) -> Overlap:
    """Read an overlap rule.

    Raises:
        InvalidOption: It is none.
    """
    try:
        return Overlap(overlap)
    except ValueError:
        raise InvalidOption("overlap", overlap, f"give one of {', '.join(Overlap)}") from None


def missed_of(missed: Missed | str) -> Missed:
    """Read a rule for missed ticks.

    Raises:
        InvalidOption: It is none.
    """
    try:
        return Missed(missed)
    except ValueError:
        raise InvalidOption("missed", missed, f"give one of {', '.join(Missed)}") from None


def _check_job(job: NewJob) -> None:
    if not isinstance(job, NewJob):
        raise InvalidOption("job", job, "give a job made by `task.job(...)`")
    has_feed = job.ties is not None and job.ties.feed is not Feed.NOTHING
    if job.after is not None or has_feed:
        raise InvalidOption("job", job.task, "a job of a schedule follows no other; make it by `task.job(...)`")
    if job.delay is not None or job.run_at is not None:
        raise InvalidOption("job", job.task, "a schedule says when its jobs begin; take delay and run_after away")
    if job.key is not None or job.unique is not None:
        raise InvalidOption("job", job.task, "a schedule makes each job once; take key and unique away, see `overlap`")
