"""Ending attempts and taking more jobs in one transaction; what is held, and what is said while it runs."""

from collections.abc import Sequence
from dataclasses import replace

from workmill.store import ClaimRequest, NoticeKind, Report, Settled, Verdict
from workmill.stores.postgres.arrays import numbers, texts
from workmill.stores.postgres.mending import readable_or_failed
from workmill.stores.postgres.moments import length_of
from workmill.stores.postgres.rows import Row, text_of
from workmill.stores.postgres.session import Session
from workmill.words.codec import dump_failure, dump_progress
from workmill.words.errors import LeaseLost
from workmill.words.job import Job
from workmill.words.transition import Transition

NO_CLAIM = ClaimRequest(worker_id="", engine=0, queues=(), tasks=(), limit=-1)
LARGEST_LIMIT = 2**31 - 1


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
    # In one order everywhere, so that no two who settle the same jobs wait for each other.
    order = sorted(range(len(transitions)), key=lambda place: transitions[place].job_id)
    first, *others = await session.run(
        "settle",
        "settle",
        [
            *columns([transitions[place] for place in order]),
            request.worker_id,
            request.engine,
            None if request.queues is None else texts(request.queues),
            texts(request.tasks),
            min(request.limit, LARGEST_LIMIT),
        ],
    )
    verdicts = [Verdict.STALE] * len(transitions)
    for place, verdict in zip(first[0] or (), first[1] or (), strict=True):
        verdicts[order[place - 1]] = Verdict(verdict)
    tell(transitions, verdicts, session)
    rows = [row[3:] for row in others]
    if rows:
        session.tell(NoticeKind.CHANGED, job_ids=[row[1] for row in rows])
    return verdicts, first[2], rows


def columns(transitions: Sequence[Transition]) -> list[str]:
    """Return what the transitions say, column by column."""
    return [
        texts([each.job_id for each in transitions]),
        numbers([each.token for each in transitions]),
        texts([each.state for each in transitions]),
        texts([each.ending for each in transitions]),
        numbers([each.attempt for each in transitions]),
        numbers([each.deaths for each in transitions]),
        numbers([length_of(each.keep) for each in transitions]),
        numbers([None if each.delay is None else length_of(each.delay) for each in transitions]),
        texts([None if each.result is None else text_of("result", each.result) for each in transitions]),
        texts([None if each.failure is None else dump_failure(each.failure) for each in transitions]),
        texts([each.reason for each in transitions]),
    ]


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
    session.tell(NoticeKind.CHANGED, job_ids=[each.job_id for each in applied])


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
