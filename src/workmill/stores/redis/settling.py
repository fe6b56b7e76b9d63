"""Ending attempts and taking more jobs in the same script; what is said of jobs while they run."""

from collections.abc import Sequence

from workmill.store import ClaimRequest, Report, Settled, Verdict
from workmill.stores.redis.claiming import asked
from workmill.stores.redis.mending import readable_or_failed
from workmill.stores.redis.rows import pack
from workmill.stores.redis.session import Session
from workmill.words.codec import Json, dump_failure, dump_progress
from workmill.words.job import Ending, JobState
from workmill.words.ticks import length_of
from workmill.words.transition import Transition

VERDICTS = (Verdict.APPLIED, Verdict.STALE, Verdict.CANCEL_REQUESTED)
"""What scripts say by numbers from 0 on."""


async def settle(transitions: Sequence[Transition], claim: ClaimRequest | None, session: Session) -> Settled:
    """See `Store.settle`."""
    request = False if claim is None else asked(claim)
    verdicts, rows = await session.run("settle", pack([[end_of(each) for each in transitions], request]))
    return Settled(
        verdicts=(Verdict.APPLIED,) * len(transitions)
        if verdicts is None
        else tuple(map(VERDICTS.__getitem__, verdicts)),
        claimed=tuple(await readable_or_failed(rows, session)),
    )


def end_of(each: Transition) -> list[Json]:
    """Write the end of an attempt."""
    result = False if each.result is None else each.result
    end: list[Json] = [each.job_id, each.token, each.attempt, each.deaths, length_of(each.keep), result]
    if is_plain(each):
        return end
    delay = False if each.delay is None else length_of(each.delay)
    failure = False if each.failure is None else dump_failure(each.failure)
    return [*end, each.state, each.ending, delay, failure, False if each.reason is None else each.reason]


def is_plain(each: Transition) -> bool:
    """Whether an attempt succeeded and there is nothing else to say about it than what it returned."""
    return (
        each.state is JobState.SUCCEEDED
        and each.ending is Ending.SUCCEEDED
        and each.failure is None
        and each.reason is None
    )


async def report(reports: Sequence[Report], session: Session) -> list[bool]:
    """See `Store.report`."""
    if not reports:
        return []
    said = [(each.job_id, each.token, dump_progress(each.progress)) for each in reports]
    return [bool(is_stored) for is_stored in await session.run("report", pack(said))]
