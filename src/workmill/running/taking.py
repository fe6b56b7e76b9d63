"""Ending the attempts of jobs whose process is no more: one road for rescue, for a dead child and for a stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from workmill.store import Store, Verdict
from workmill.words.errors import StoreError
from workmill.words.job import Job
from workmill.words.outcome import Outcome
from workmill.words.transition import decide

OutcomeOf: TypeAlias = Callable[[Job], Outcome]


@dataclass(slots=True, kw_only=True)
class Taken:
    """What came of taking jobs back.

    Attributes:
        job_ids: Those whose attempt was ended; the others had ended already.
        refused: Those that the store could not settle, with why.
    """

    job_ids: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


async def take_back(store: Store, jobs: Sequence[Job], outcome_of: OutcomeOf) -> Taken:
    """End the newest attempt of each job, unless it has ended; one that cannot be settled never keeps the others.

    Safe to repeat.

    Raises:
        StoreError: The store as a whole fails.
    """
    taken = Taken()
    try:
        await _settle(store, jobs, outcome_of, taken)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - one of them is bad: find out which
        for job in jobs:
            await _settle_alone(store, job, outcome_of, taken)
    return taken


async def take_held(store: Store, worker_id: str, outcome: Outcome, *, engine: int | None = None) -> Taken:
    """End the attempts of all jobs that a worker, or one of its engines, holds; nothing of it may run any more.

    Safe to repeat.

    Raises:
        StoreError: The store as a whole fails.
    """
    return await take_back(store, await store.held(worker_id, engine), lambda _: outcome)


async def _settle_alone(store: Store, job: Job, outcome_of: OutcomeOf, taken: Taken) -> None:
    try:
        await _settle(store, [job], outcome_of, taken)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - it is this one
        taken.refused.append((job.id, repr(error)))


async def _settle(store: Store, jobs: Sequence[Job], outcome_of: OutcomeOf, taken: Taken) -> None:
    while jobs:
        transitions = [decide(job, outcome_of(job), chance=0.5) for job in jobs]
        verdicts = (await store.settle(transitions)).verdicts
        judged = list(zip(jobs, verdicts, strict=True))
        taken.job_ids += [job.id for job, verdict in judged if verdict is Verdict.APPLIED]
        # Cancelled meanwhile: decide again from the record that says so. It cannot happen twice to one claim.
        jobs = await _again(store, [job for job, verdict in judged if verdict is Verdict.CANCEL_REQUESTED])


async def _again(store: Store, jobs: Sequence[Job]) -> list[Job]:
    if not jobs:
        return []
    stored = await store.get([job.id for job in jobs])
    return [new for old, new in zip(jobs, stored, strict=True) if new is not None and new.token == old.token]
