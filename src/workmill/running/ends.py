"""Attempts that are over and not settled yet, and what to do where settling them went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from workmill.craft.evidence import as_failure
from workmill.craft.run import Run
from workmill.store import Settled, Store, Verdict
from workmill.words.emit import Emit
from workmill.words.errors import StoreError, StoreUnavailable
from workmill.words.events import DutyFailed
from workmill.words.job import Job
from workmill.words.outcome import Failed, FailureKind, Outcome, Snoozed, Succeeded
from workmill.words.transition import Transition, decide


@dataclass(slots=True)
class Ended:
    """An attempt that is over but not settled.

    Attributes:
        run: The run it ends; None where the job's code did not begin.
        was_sent: It was sent to the store before and no answer came, so that it may be settled already.
    """

    job: Job
    outcome: Outcome
    transition: Transition
    seconds: float
    run: Run | None = None
    was_sent: bool = False


async def stored_before(store: Store, entry: Ended) -> Transition | None:
    """Return what ended the attempt already, where its transition is refused as stale: our own word, sent before.

    That is the transition itself, if its first answer was lost, or what the task committed in a transaction of its own:
    without hearing so, or when it had been given back already.
    """
    sent = [entry.transition] if entry.was_sent else []
    if entry.run is not None and entry.run.finish is not None:
        sent.append(entry.run.finish)
    if not sent:
        return None
    try:
        attempts = await store.attempts(entry.job.id)
    except StoreError:
        return None
    known = {(attempt.token, attempt.ending) for attempt in attempts}
    return next((each for each in sent if (each.token, each.ending) in known), None)


def said_late(finish: Transition, outcome: Outcome) -> str | None:
    """Return how the code of a job ended otherwise than it had ended its job, in words; None where it did not.

    To end as one is asked to says nothing else.
    """
    match outcome:
        case Succeeded():
            return None if outcome.result == finish.result else "the function returned something else"
        case Failed():
            return f"{outcome.failure.type}: {outcome.failure.message}"
        case Snoozed():
            return "the function asked to run again"
        case _:
            return None


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
