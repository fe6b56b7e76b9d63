"""Storing new jobs that are bound to others: each is looked at as if those before it in the batch were stored.

It looks first and writes then, in one go for as many jobs as can be.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workmill.store import Enqueued
from workmill.stores.sqlite import enqueueing, flowing
from workmill.stores.sqlite.account import Account
from workmill.stores.sqlite.following import Bond, Places, bond_of, bound, mark_followed, tie
from workmill.stores.sqlite.made import note_made
from workmill.stores.sqlite.moments import block
from workmill.stores.sqlite.rows import pack, writable
from workmill.stores.sqlite.statements import statements
from workmill.stores.sqlite.talk import Talk, ask, say, say_each
from workmill.stores.sqlite.transaction import Transaction
from workmill.words.errors import InvalidOption
from workmill.words.job import Job, NewJob


@dataclass(frozen=True, slots=True)
class Draft:
    """A new job as it will be stored."""

    new: NewJob
    job: Job
    bond: Bond | None


@dataclass(slots=True, kw_only=True)
class Batch:
    """What is known while a batch is looked at.

    Attributes:
        states: Of all that may be followed: what is stored, and what is drafted.
        stand_ins: Which job is meant by an id of the batch.
        drafts: What is still to be written.
        behind: Whose end a job must await without naming them, by its id.
    """

    by_id: dict[str, Job]
    by_key: enqueueing.KnownKeys
    states: dict[str, str]
    behind: Mapping[str, Sequence[str]]
    stand_ins: dict[str, str] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)


def is_plain(new: NewJob) -> bool:
    """Whether a new job is bound to nothing."""
    return new.unique is None and new.after is None and new.ties is None and new.policy.expires is None


def enqueue(jobs: Sequence[NewJob], transaction: Transaction) -> list[Enqueued]:
    """See `Store.enqueue`."""
    if all(map(is_plain, jobs)):
        return enqueueing.enqueue(jobs, transaction)
    return transaction.hold(store(jobs, transaction.account))


def store(
    news: Sequence[NewJob], account: Account, *, behind: Mapping[str, Sequence[str]] | None = None
) -> Talk[list[Enqueued]]:
    """Store new jobs as `Store.enqueue` does.

    Args:
        news: The jobs.
        account: Where they are counted and told.
        behind: Whose end a job must await without naming them, by its id. They are stored.

    Raises:
        InvalidOption: One has text that cannot be stored.
        JobConflict, ParentNotFound: As for `Store.enqueue`.
    """
    check(news)
    batch = yield from looked_up(news, behind or {})
    answers = [placed(new, batch, account) for new in news]
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
    )


def placed(new: NewJob, batch: Batch, account: Account) -> Enqueued:
    """Draft a new job, or return the one that is stored already.

    Raises:
        JobConflict: Its key is known with other arguments.
        ParentNotFound: It is to follow one that is not stored.
    """
    answer = enqueueing.answer(enqueueing.born(new, account.now), batch.by_id, batch.by_key)
    if answer.created:
        job = drafted(new, answer.job, batch, account)
        answer = Enqueued(job=job, created=True)
        batch.by_id[job.id] = batch.by_key[job.task, job.key] = job
    batch.stand_ins[new.id] = answer.job.id
    batch.states[answer.job.id] = answer.job.state
    return answer


def drafted(new: NewJob, job: Job, batch: Batch, account: Account) -> Job:
    """Add a new job to what is to be written, and return it as it begins."""
    behind = batch.behind.get(new.id, ())
    bond = bond_of(new, batch.states, stand_ins=batch.stand_ins, behind=behind)
    if bond is not None:
        job = bound(job, new, bond, batch.states, account.now)
    batch.drafts.append(Draft(new, job, bond))
    return job


def write(batch: Batch, account: Account) -> Talk[None]:
    """Store what was drafted, count it and tell of it."""
    drafts, batch.drafts = batch.drafts, []
    if not drafts:
        return
    parents = {parent for draft in drafts if draft.bond is not None for parent in draft.bond.parents}
    # Made before anything is written, because this is where a value is refused.
    inserting = insertion(drafts, parents, account.now)
    if not account.is_in_stretch:
        yield from say(statements("enqueue")["stretch"], block(account.now))
        account.is_in_stretch = True
    yield from inserting
    enqueueing.note([draft.job for draft in drafts], account)
    yield from bind(drafts, parents, account.now)


def insertion(drafts: Sequence[Draft], parents: set[str], now: int) -> Talk[None]:
    """Return what inserts jobs."""
    sql = statements("enqueue")
    if all(is_plain(draft.new) for draft in drafts):
        return say_each(sql["insert"], [enqueueing.row_of(draft.job, now) for draft in drafts])
    rows = [
        enqueueing.tied_row_of(draft.job, now, strand=None, is_followed=draft.job.id in parents) for draft in drafts
    ]
    return say_each(sql["insert_tied"], rows)


def bind(drafts: Sequence[Draft], parents: set[str], now: int) -> Talk[None]:
    """Store what binds jobs to others, which are all stored now."""
    if all(is_plain(draft.new) for draft in drafts):
        return
    places = yield from places_of([*(draft.job.id for draft in drafts), *parents])
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
