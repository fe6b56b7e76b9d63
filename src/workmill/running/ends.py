"""Attempts that are over and not settled yet, and what to do where settling them went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from workmill.craft.evidence import as_failure
from workmill.store import Settled, Store, Verdict
from workmill.words.errors import StoreError, StoreUnavailable
from workmill.words.events import DutyFailed, Emit
from workmill.words.job import Job
from workmill.words.outcome import Failed, FailureKind, Outcome
from workmill.words.transition import Transition, decide


@dataclass(slots=True)
class Ended:
    """An attempt that is over but not settled.

    Attributes:
        was_sent: It was sent to the store before and no answer came, so that it may be settled already.
    """

    job: Job
    outcome: Outcome
    transition: Transition
    seconds: float
    was_sent: bool = False


async def was_stored(store: Store, entry: Ended) -> bool:
    """Whether a transition that is refused as stale was applied when it was sent before."""
    if not entry.was_sent:
        return False
    try:
        attempts = await store.attempts(entry.job.id)
    except StoreError:
        return False
    ending, token = entry.transition.ending, entry.transition.token
    return any(attempt.token == token and attempt.ending is ending for attempt in attempts)


async def settle_apart(store: Store, ended: Sequence[Ended], emit: Emit) -> Settled:
    """Settle each end by itself, so that one the store cannot take harms no other: that job fails, and says why.

    Raises:
        StoreUnavailable: The store fails.
    """
    verdicts = [await _settle_alone(store, entry, emit) for entry in ended]
    return Settled(verdicts=tuple(verdicts), claimed=())


async def _settle_alone(store: Store, entry: Ended, emit: Emit) -> Verdict:
    try:
        return (await store.settle([entry.transition])).verdicts[0]
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the store says of it, the job must end
        failed = Failed(failure=as_failure(FailureKind.ERROR, error), retryable=False)
    entry.outcome, entry.transition = failed, decide(entry.job, failed, chance=0.0)
    return await _settle_failure(store, entry, emit)


async def _settle_failure(store: Store, entry: Ended, emit: Emit) -> Verdict:
    try:
        return (await store.settle([entry.transition])).verdicts[0]
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - as above; a rescuer takes it when the lease ends
        emit(DutyFailed(duty=f"settle job {entry.job.id}", error=repr(error)))
        return Verdict.STALE
