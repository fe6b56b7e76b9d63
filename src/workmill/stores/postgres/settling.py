"""Ending attempts and taking more jobs in one transaction; what is held, and what is said while it runs."""

from collections.abc import Sequence
from dataclasses import replace

from workmill.store import ClaimRequest, Notice, NoticeKind, Report, Settled, Verdict
from workmill.stores.postgres.arrays import NONE, numbers, same_numbers, texts
from workmill.stores.postgres.mending import readable_or_failed
from workmill.stores.postgres.rows import Row, text_of
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.tending import expire
from workmill.stores.postgres.wake import MOST_IDS
from workmill.words.codec import dump_failure, dump_progress
from workmill.words.errors import LeaseLost
from workmill.words.job import Ending, Job, JobState
from workmill.words.ticks import length_of
from workmill.words.transition import Transition

NO_CLAIM = ClaimRequest(worker_id="", engine=0, queues=(), tasks=(), limit=-1)
LARGEST_LIMIT = 2**31 - 1
MOST_EXPIRED = 1000


async def settle(transitions: Sequence[Transition], request: ClaimRequest | None, session: Session) -> Settled:
    """See `Store.settle`."""
    verdicts, _, rows = await exchange(transitions, request or NO_CLAIM, session)
    claimed = [] if request is None else await take(rows, request, session)
    return Settled(verdicts=tuple(verdicts), claimed=tuple(claimed))


async def claim(request: ClaimRequest, session: Session) -> list[Job]:
    """See `Store.claim`."""
    _, is_live, rows = await exchange((), request, session)
    if not is_live:
        raise LeaseLost(request.worker_id)
    return await take(rows, request, session)


async def take(rows: Sequence[Row], request: ClaimRequest, session: Session) -> list[Job]:
    """Read claimed jobs; for those that cannot be read, others are claimed in their place."""
    jobs: list[Job] = []
    while rows:
        readable = await readable_or_failed(rows, session)
        jobs += readable
        missing = len(rows) - len(readable)
        rows = ()
        if missing:
            _, _, rows = await exchange((), replace(request, limit=missing), session)
    return jobs


async def exchange(
    transitions: Sequence[Transition], request: ClaimRequest, session: Session
) -> tuple[list[Verdict], bool, Sequence[Row]]:
    """Settle and claim; return the verdicts, whether the lease is live, and the rows of what was claimed."""
    order, others_first = sorted_out(transitions)
    head, *taken = await session.run(
        "settle",
        "settle",
        [
            *columns([transitions[place] for place in order], others_first, session),
            request.worker_id,
            request.engine,
            None if request.queues is None else texts(request.queues),
            texts(request.tasks),
            min(request.limit, LARGEST_LIMIT),
        ],
    )
    verdicts = verdicts_of(order, head[0], head[1])
    session.places.forget(each.job_id for each in transitions)
    tell(transitions, verdicts, session)
    *_, followed, has_rated, has_expired = head
    session.tell_followed(followed)
    if has_rated:
        session.tell(NoticeKind.SCHEDULED)
    if has_expired:
        await expire(MOST_EXPIRED, session)
    rows = await claimed_rows(taken, request, head[3], session) if taken else ()
    return verdicts, head[2], rows


async def claimed_rows(rows: Sequence[Row], request: ClaimRequest, started_at: int, session: Session) -> list[Row]:
    """Return claimed jobs as the view `job_row` would."""
    if any(row[6] not in session.names for row in rows):
        await session.learn_lanes()
    session.places.note([(row[5], row[4]) for row in rows])
    tell_of_changes([row[5] for row in rows], session, waits=True)
    names = session.names
    return [
        (
            *(row[4], row[5], *names[row[6]], "running"),
            *row[7:15],  # from the arguments to the progress
            *(None, row[15], request.worker_id, request.engine),
            *(*row[16:18], started_at, None, None, *row[18:20], False, *row[20:22]),
        )
        for row in rows
    ]


def tell_of_changes(job_ids: Sequence[str], session: Session, *, waits: bool = False) -> None:
    """Tell that jobs changed; of very many it is said once that any may have."""
    told = tuple(job_ids) if len(job_ids) <= MOST_IDS else ()
    session.bells.ring([Notice(kind=NoticeKind.CHANGED, job_ids=told)], waits=waits)


def sorted_out(transitions: Sequence[Transition]) -> tuple[list[int], int]:
    """Return the places of the transitions as they are sent, and how many come before those that simply succeeded."""
    has_twins = len({each.job_id for each in transitions}) < len(transitions)
    # Of two about one job the first counts, so then none is simple.
    plain = [is_plain(each) and not has_twins for each in transitions]
    # Else in one order everywhere, so that no two who settle the same jobs wait for each other.
    order = sorted(range(len(transitions)), key=lambda place: (plain[place], transitions[place].job_id))
    return order, plain.count(False)


def is_plain(transition: Transition) -> bool:
    """Whether an attempt succeeded and there is nothing else to say about it than what it returned."""
    return (
        transition.state is JobState.SUCCEEDED
        and transition.ending is Ending.SUCCEEDED
        and transition.failure is None
        and transition.reason is None
    )


def columns(transitions: Sequence[Transition], others_first: int, session: Session) -> list[str]:
    """Return what the transitions say, column by column."""
    seqs = session.places.of(each.job_id for each in transitions)
    others = transitions[:others_first]
    return [
        numbers(seqs),
        texts([each.job_id for each in transitions]) if None in seqs else NONE,
        same_numbers([each.token for each in transitions]),
        same_numbers([each.attempt for each in transitions]),
        same_numbers([each.deaths for each in transitions]),
        same_numbers([length_of(each.keep) for each in transitions]),
        texts([None if each.result is None else text_of("result", each.result) for each in transitions]),
        texts([each.state for each in others]),
        texts([each.ending for each in others]),
        numbers([None if each.delay is None else length_of(each.delay) for each in others]),
        texts([None if each.failure is None else dump_failure(each.failure) for each in others]),
        texts([each.reason for each in others]),
    ]


def verdicts_of(order: Sequence[int], places: Sequence[int] | None, said: Sequence[str] | None) -> list[Verdict]:
    """Return the verdicts in the order of the transitions; where nothing is said, all were applied."""
    if places is None or said is None:
        return [Verdict.APPLIED] * len(order)
    verdicts = [Verdict.STALE] * len(order)
    for place, verdict in zip(places, said, strict=True):
        verdicts[order[place - 1]] = Verdict(verdict)
    return verdicts


def tell(transitions: Sequence[Transition], verdicts: Sequence[Verdict], session: Session) -> None:
    """Tell of what was applied."""
    applied = [each for each, verdict in zip(transitions, verdicts, strict=True) if verdict is Verdict.APPLIED]
    again = {each.state for each in applied if not each.state.is_final}
    if not applied:
        return
    if again - {"queued"}:
        session.tell(NoticeKind.SCHEDULED)
    if "queued" in again:
        session.tell(NoticeKind.QUEUED)
    tell_of_changes([each.job_id for each in applied], session)


async def report(reports: Sequence[Report], session: Session) -> list[bool]:
    """See `Store.report`."""
    if not reports:
        return []
    order = sorted(range(len(reports)), key=lambda place: reports[place].job_id)
    ordered = [reports[place] for place in order]
    values = [
        [each.job_id for each in ordered],
        [each.token for each in ordered],
        [dump_progress(each.progress) for each in ordered],
    ]
    answers = [False] * len(reports)
    for (place,) in await session.run("settle", "report", values):
        answers[order[place - 1]] = True
    stored = [each.job_id for each, is_stored in zip(reports, answers, strict=True) if is_stored]
    if stored:
        session.tell(NoticeKind.CHANGED, job_ids=stored)
    return answers


async def held(worker_id: str, engine: int | None, session: Session) -> list[Job]:
    """See `Store.held`."""
    return await readable_or_failed(await session.run("hold", "held", {"worker": worker_id, "engine": engine}), session)


async def expired(limit: int, session: Session) -> list[Job]:
    """See `Store.expired`."""
    return await readable_or_failed(await session.run("hold", "expired", {"limit": limit}), session)
