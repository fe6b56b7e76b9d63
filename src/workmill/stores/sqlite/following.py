"""How jobs begin that follow others, and whom they follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workmill.stores.sqlite.driver import Value
from workmill.stores.sqlite.ends import BY_JOBS, wait
from workmill.stores.sqlite.rows import pack
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say, say_each
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.errors import ParentNotFound
from workmill.words.job import Job, JobState, NewJob
from workmill.words.ticks import LAST, TICK, later, moment
from workmill.words.ties import Needs
from workmill.words.unstarted import not_needed, parent_cancelled, parent_failed

States = Mapping[str, str]
"""The states of parents, by their ids."""
Places = Mapping[str, int]
"""The places of jobs in the order of storing, by their ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """Whom a new job follows.

    Attributes:
        named: Those that it named, each once.
        by_rule: Those whose end it must await for another reason, whatever becomes of them.
        missing: How many of either have not ended.
        hoped: Of how many of these the failure is needed; None where none is.
    """

    named: tuple[str, ...]
    by_rule: tuple[str, ...]
    needs: Needs
    missing: int
    hoped: int | None
    has_failure: bool

    @property
    def parents(self) -> tuple[str, ...]:
        """All of them, those by rule last."""
        return (*self.named, *self.by_rule)


def bond_of(new: NewJob, states: States, *, stand_ins: Mapping[str, str], behind: Sequence[str] = ()) -> Bond | None:
    """Return whom a new job follows; None where it follows none.

    Args:
        new: The job.
        states: The states of all who may be meant.
        stand_ins: Which job is meant by an id that the batch brought.
        behind: Whose end it must await without naming them.

    Raises:
        ParentNotFound: One that it names is not stored.
    """
    if new.after is None and not behind:
        return None
    asked = () if new.after is None else new.after.jobs
    named = tuple(dict.fromkeys(stand_ins.get(parent, parent) for parent in asked))
    for parent in named:
        if parent not in states:
            raise ParentNotFound(new.id, parent)
    by_rule = tuple(parent for parent in dict.fromkeys(behind) if parent not in named)
    open_named = sum(not JobState(states[parent]).is_final for parent in named)
    needs = Needs.END if new.after is None else new.after.needs
    return Bond(
        named=named,
        by_rule=by_rule,
        needs=needs,
        missing=open_named + sum(not JobState(states[parent]).is_final for parent in by_rule),
        hoped=open_named if needs is Needs.FAILURE else None,
        has_failure=any(states[parent] == JobState.FAILED for parent in named),
    )


def bound(job: Job, new: NewJob, bond: Bond, states: States, now: int) -> Job:
    """Return a new job as those whom it follows let it begin: as it is, `waiting`, or at its end already."""
    if bond.needs is Needs.SUCCESS:
        for parent in bond.named:
            if states[parent] == JobState.FAILED:
                return ended(replace(job, state=JobState.FAILED, failure=parent_failed(parent)), new, now)
            if states[parent] == JobState.CANCELLED:
                return ended(replace(job, state=JobState.CANCELLED, cancel_reason=parent_cancelled(parent)), new, now)
    if bond.hoped == 0 and not bond.has_failure:
        return ended(replace(job, state=JobState.CANCELLED, cancel_reason=not_needed()), new, now)
    return replace(job, state=JobState.WAITING, run_at=new.run_at) if bond.missing else job


def ended(job: Job, new: NewJob, now: int) -> Job:
    """Return a job that ends when it is stored."""
    return replace(job, run_at=new.run_at, finished_at=moment(now), expires_at=moment(later(now, new.policy.keep)))


def tie(followers: Sequence[tuple[NewJob, Job, Bond]], places: Places) -> Talk[None]:
    """Store whom jobs follow that are stored already."""
    sql = statements("follow")
    yield from say_each(sql["name_parents"], [(places[job.id], pack(bond.parents)) for _, job, bond in followers])
    open_ones = [each for each in followers if not each[1].state.is_final]
    yield from say_each(
        sql["tie"], [row for _, job, bond in open_ones for row in ties_of(places[job.id], bond, places)]
    )
    yield from wait([waiting_of(places[job.id], new, bond) for new, job, bond in open_ones if bond.missing])


def ties_of(child: int, bond: Bond, places: Places) -> list[tuple[Value, ...]]:
    """Return the rows that tie a job to those whom it follows."""
    named: list[tuple[Value, ...]] = [(places[parent], child, bond.needs) for parent in bond.named]
    return [*named, *((places[parent], child, Needs.END) for parent in bond.by_rule)]


def waiting_of(seq: int, new: NewJob, bond: Bond) -> tuple[Value, ...]:
    """Return what a waiting job waits for, in the order of the statement that notes it."""
    delay = min(new.delay // TICK, LAST) if new.delay else None
    return seq, bond.missing, bond.hoped, int(bond.has_failure), delay


def mark_followed(parents: Sequence[int]) -> Talk[None]:
    """Note that others follow these jobs."""
    if parents:
        yield from say(statements("follow")["mark"], pack(parents), BY_JOBS)


def parents(job_ids: Sequence[str], transaction: Transaction) -> list[tuple[str, ...]]:
    """See `Store.parents`."""
    found = {job_id: tuple(ids) for job_id, ids in transaction.batch(statements("follow")["parents"], pack(job_ids))}
    return [found.get(job_id, ()) for job_id in job_ids]


def missing(seq: int, limit: int) -> Talk[tuple[list[str], int]]:
    """Return up to `limit` of the parents that a job waits for, in the order named, and how many they are."""
    sql = statements("follow")
    named: list[str] = yield from ask(sql["missing"], seq, limit)
    count = yield from say(sql["how_many_missing"], seq)
    return named, count if isinstance(count, int) else 0
