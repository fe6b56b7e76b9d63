"""Storing new jobs that are bound to others: each is looked at as if those before it in the batch were stored.

It looks first and writes then, in one go for as many jobs as can be.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workmill.store import Enqueued, NoticeKind
from workmill.stores.sqlite import bounds, enqueueing, flowing
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.cancelling import cancel_open
from workmill.stores.sqlite.following import Bond, Places, bond_of, bound, mark_followed, tie
from workmill.stores.sqlite.made import note_made
from workmill.stores.sqlite.rows import pack, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.strands import strands_of
from workmill.stores.sqlite.talk import Talk, ask, say_each
from workmill.stores.sqlite.transaction import Transaction
from workmill.stores.sqlite.uniqueness import Holder, SlotName, conflicts, hold, holders_of, names_of, waits_for
from workmill.words.errors import InvalidOption, UniqueConflict
from workmill.words.job import Job, JobState, NewJob
from workmill.words.unique import OnConflict
from workmill.words.unstarted import replaced_by


@dataclass(frozen=True, slots=True)
class Draft:
    """A new job as it will be stored.

    Attributes:
        holder: What is to be noted under the name that it is unique under, where it is.
    """

    new: NewJob
    job: Job
    bond: Bond | None
    holder: Holder | None = None


@dataclass(slots=True, kw_only=True)
class Batch:
    """What is known while a batch is looked at.

    Attributes:
        states: Of all that may be followed: what is stored, and what is drafted.
        stand_ins: Which job is meant by an id of the batch.
        drafts: What is still to be written.
        behind: Whose end a job must await without naming them, by its id.
        holders: Who holds the names that jobs are to be unique under.
    """

    by_id: dict[str, Job]
    by_key: enqueueing.KnownKeys
    states: dict[str, str]
    behind: Mapping[str, Sequence[str]]
    holders: dict[SlotName, Holder]
    stand_ins: dict[str, str] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    is_bounded: bool = True


def are_plain(news: Sequence[NewJob]) -> bool:
    """Whether new jobs are bound to nothing."""
    return all(
        new.unique is None and new.after is None and new.ties is None and new.policy.expires is None for new in news
    )


def enqueue(jobs: Sequence[NewJob], transaction: Transaction) -> list[Enqueued]:
    """See `Store.enqueue`."""
    if are_plain(jobs):
        return enqueueing.enqueue(jobs, transaction)
    return transaction.hold(store(jobs, transaction.account))


def store(
    news: Sequence[NewJob],
    account: Account,
    *,
    behind: Mapping[str, Sequence[str]] | None = None,
    is_bounded: bool = True,
) -> Talk[list[Enqueued]]:
    """Store new jobs as `Store.enqueue` does.

    Args:
        news: The jobs.
        account: Where they are counted and told.
        behind: Whose end a job must await without naming them, by its id. They are stored.
        is_bounded: Whether a queue may be too full for them.

    Raises:
        InvalidOption: One has text that cannot be stored.
        JobConflict, ParentNotFound, QueueFull, UniqueConflict: As for `Store.enqueue`. What was written is for the
            caller to take back.
    """
    check(news)
    batch = yield from looked_up(news, behind or {})
    batch.is_bounded = is_bounded
    answers = []
    for new in news:
        answer = yield from placed(new, batch, account)
        if answer is not None:
            answers.append(answer)
    yield from write(batch, account)
    return answers


def check(news: Sequence[NewJob]) -> None:
    """Refuse text that has no UTF-8 form.

    Raises:
        InvalidOption: There is some.
    """
    for new in news:
        for name, text in texts_of(new):
            if writable(text) != text:
                raise InvalidOption(name, text, "give text without lone surrogates")


def texts_of(new: NewJob) -> Iterator[tuple[str, str]]:
    """Give the texts that a new job bears, with their names."""
    yield from (("id", new.id), ("task", new.task), ("queue", new.queue))
    yield from (("key", new.key or ""), ("retry_of", new.retry_of or ""))
    if new.unique is not None:
        yield "unique", new.unique.name
    if new.after is not None:
        yield from (("after", parent) for parent in new.after.jobs)
    if new.ties is not None:
        yield from (("flow", new.ties.flow or ""), ("schedule", new.ties.schedule or ""))
        yield from (("limit", text) for gate in new.ties.gates for text in (gate.name, gate.key))


def looked_up(news: Sequence[NewJob], behind: Mapping[str, Sequence[str]]) -> Talk[Batch]:
    """Find what is stored of what some new jobs name."""
    sql = statements("enqueue")
    ids = [new.id for new in news]
    keys = [(new.task, new.key) for new in news if new.key is not None]
    by_id = yield from ask(sql["same_id"], pack(ids))
    by_key = (yield from ask(sql["same_key"], pack(keys))) if keys else ()
    named = dict.fromkeys(parent for new in news if new.after is not None for parent in new.after.jobs)
    named.update((parent, None) for parents in behind.values() for parent in parents)
    places = (yield from ask(statements("follow")["places"], pack(list(named)))) if named else ()
    return Batch(
        by_id={row[1]: enqueueing.known(row) for row in by_id},
        by_key={(row[2], row[8]): enqueueing.known(row) for row in by_key},
        states={job_id: state for _, job_id, state in places},
        behind=behind,
        holders=(yield from holders_of(names_of(news))),
    )


def placed(new: NewJob, batch: Batch, account: Account) -> Talk[Enqueued | None]:
    """Draft a new job, or return the one that is its answer; None where it is to have none.

    Raises:
        JobConflict: Its key is known with other arguments.
        ParentNotFound: It is to follow one that is not stored.
        QueueFull: Those before it are too many for a queue.
        UniqueConflict: It is to be rejected because of one that is stored.
    """
    job = enqueueing.begun(new, account.now)
    answer = enqueueing.found_as(job, batch.by_id, batch.by_key)
    there = None if answer is not None else in_the_way(new, batch, account.now)
    behind = list(batch.behind.get(new.id, ()))
    if there is not None and new.unique is not None:
        match new.unique.on_conflict:
            case OnConflict.REJECT:
                raise UniqueConflict(there.id, there.task, there.state)
            case OnConflict.REPLACE:
                behind += yield from make_way(there, new, batch, account)
            case OnConflict.RETURN | OnConflict.SKIP:
                answer = Enqueued(job=there, created=False)
    if answer is None:
        bond = bond_of(new, batch.states, stand_ins=batch.stand_ins, behind=behind)
        if bond is not None:
            job = bound(job, new, bond, batch.states, account.now)
        answer = Enqueued(job=drafted(new, job, bond, batch, is_in_place=there is not None), created=True)
    batch.stand_ins[new.id] = answer.job.id
    batch.states[answer.job.id] = answer.job.state
    is_skipped = there is answer.job and new.unique is not None and new.unique.on_conflict is OnConflict.SKIP
    return None if is_skipped else answer


def in_the_way(new: NewJob, batch: Batch, now: int) -> Job | None:
    """Return the job that a new one conflicts with."""
    return next((job for job in named_by(new, batch) if new.unique and conflicts(job, new.unique, now)), None)


def named_by(new: NewJob, batch: Batch) -> list[Job]:
    """Return who holds the name that a new job is to be unique under, and whose end that one was made to wait for."""
    holder = None if new.unique is None else batch.holders.get((new.task, new.unique.name))
    return [] if holder is None else holder.jobs


def make_way(there: Job, new: NewJob, batch: Batch, account: Account) -> Talk[list[str]]:
    """Cancel the job whose place a new one takes; return those whose end the new one must await."""
    yield from write(batch, account)
    behind = [there.id] if there.state is JobState.RUNNING else (yield from waits_for(there.id))
    behind += [job.id for job in named_by(new, batch) if job.state is JobState.RUNNING]
    yield from cancel_open([there.id], replaced_by(new.id), account)
    # Others may have ended with it.
    named = pack(list(batch.states | dict.fromkeys(behind, "")))
    batch.states.update({job_id: state for _, job_id, state in (yield from ask(statements("follow")["places"], named))})
    stored = (yield from ask(statements("enqueue")["same_id"], pack(list(batch.by_id)))) if batch.by_id else ()
    for row in stored:
        again = enqueueing.known(row)
        batch.by_id[again.id] = batch.by_key[again.task, again.key] = again
    batch.holders = yield from holders_of(list(batch.holders))
    return behind


def drafted(new: NewJob, job: Job, bond: Bond | None, batch: Batch, *, is_in_place: bool) -> Job:
    """Add a new job to what is to be written, and return it.

    Args:
        new: The job.
        job: The same, as it begins.
        bond: Whom it follows.
        batch: What is known.
        is_in_place: Whether it takes the place of another.
    """
    batch.by_id[job.id] = batch.by_key[job.task, job.key] = job
    holder = None
    if new.unique is not None:
        name = (new.task, new.unique.name)
        holder = Holder(job, batch.holders[name].running() if is_in_place else None)
        batch.holders[name] = holder
    batch.drafts.append(Draft(new, job, bond, holder))
    return job


def write(batch: Batch, account: Account) -> Talk[None]:
    """Store what was drafted, count it and tell of it.

    Raises:
        QueueFull: A queue would hold too many; none was stored.
    """
    drafts, batch.drafts = batch.drafts, []
    if not drafts:
        return
    jobs = [draft.job for draft in drafts]
    if not account.is_in_stretch:
        yield from enqueueing.begin(account)
    if batch.is_bounded:
        yield from bounds.check(jobs, account)
    parents = {parent for draft in drafts if draft.bond is not None for parent in draft.bond.parents}
    strands = yield from strands_of(jobs)
    # Made before anything is inserted, because this is where a value is refused.
    yield from insertion(drafts, parents, strands, account.now)
    enqueueing.note(jobs, account)
    if any(enqueueing.begin_by(job) is not None for job in jobs):
        account.tell(NoticeKind.SCHEDULED)
    for job in jobs:
        if job.id in strands:
            account.moved(strands[job.id], None, job.state)
    yield from bind(drafts, parents, account.now)


def insertion(drafts: Sequence[Draft], parents: set[str], strands: Mapping[str, int], now: int) -> Talk[None]:
    """Return what inserts jobs."""
    sql = statements("enqueue")
    if are_plain([draft.new for draft in drafts]):
        return say_each(sql["insert"], [enqueueing.row_of(draft.job, now) for draft in drafts])
    rows = [
        enqueueing.tied_row_of(draft.job, now, strand=strands.get(draft.job.id), is_followed=draft.job.id in parents)
        for draft in drafts
    ]
    return say_each(sql["insert_tied"], rows)


def bind(drafts: Sequence[Draft], parents: set[str], now: int) -> Talk[None]:
    """Store what binds jobs to others, which are all stored now."""
    if are_plain([draft.new for draft in drafts]):
        return
    held = [(draft.new, draft.holder) for draft in drafts if draft.holder is not None]
    awaited = [job.id for _, holder in held for job in holder.jobs]
    places = yield from places_of([*(draft.job.id for draft in drafts), *parents, *awaited])
    yield from hold(held, places)
    tied = [(draft.job, draft.job.ties) for draft in drafts if draft.job.ties is not None]
    yield from flowing.join([(ties.flow, places[job.id]) for job, ties in tied if ties.flow is not None], now)
    made = [(ties.schedule, places[job.id], job.state) for job, ties in tied if ties.schedule is not None]
    pending = [(schedule, place) for schedule, place, state in made if not state.is_final]
    yield from note_made([(schedule, place) for schedule, place, _ in made], pending)
    fresh = {draft.job.id for draft in drafts}
    yield from mark_followed([places[parent] for parent in parents if parent not in fresh])
    yield from tie([(each.new, each.job, each.bond) for each in drafts if each.bond is not None], places)


def places_of(ids: Sequence[str]) -> Talk[Places]:
    """Return the places of stored jobs in the order of storing."""
    rows = yield from ask(statements("follow")["places"], pack(list(dict.fromkeys(ids))))
    return {job_id: seq for seq, job_id, _ in rows}
