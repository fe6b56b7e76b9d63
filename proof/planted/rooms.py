"""Bugs planted in the memory room: each is what a careless store would do."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias
from unittest.mock import patch

from workmill.store import Enqueued, Promotion, Report, Verdict
from workmill.stores.memory import MemoryStore, changes
from workmill.stores.memory.ledger import Ledger
from workmill.words.job import Job, JobState, NewJob
from workmill.words.transition import Transition

# ruff: noqa: SLF001 - a planted bug reaches into the room it spoils

Bug: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Spoils something while inside."""


def settle_without_token() -> AbstractContextManager[object]:
    """Settle whoever says so, as long as the job runs."""

    def claimed_by(store: MemoryStore, job_id: str) -> Job | None:
        job = store._vault.ledger.jobs.get(job_id)
        return job if job is not None and job.state is JobState.RUNNING else None

    def settle(store: MemoryStore, transition: Transition, now: datetime) -> Verdict:
        job = claimed_by(store, transition.job_id)
        if job is None:
            return Verdict.STALE
        if job.cancel_requested_at is not None and not transition.state.is_final:
            return Verdict.CANCEL_REQUESTED
        return _apply(store, job, transition, now)

    return patch.object(MemoryStore, "_settle", settle)


def report_without_token() -> AbstractContextManager[object]:
    """Store the progress of whoever says so."""

    def report(store: MemoryStore, report: Report) -> Job | None:
        job = store._vault.ledger.jobs.get(report.job_id)
        if job is None or job.state.is_final:
            return None
        return store._vault.ledger.write(replace(job, progress=report.progress))

    return patch.object(MemoryStore, "_report", report)


def final_overwritten() -> AbstractContextManager[object]:
    """Settle a job that is final already."""

    def settle(store: MemoryStore, transition: Transition, now: datetime) -> Verdict:
        job = store._vault.ledger.jobs.get(transition.job_id)
        if job is None or (job.state is JobState.RUNNING and job.token != transition.token):
            return Verdict.STALE
        if job.cancel_requested_at is not None and not transition.state.is_final:
            return Verdict.CANCEL_REQUESTED
        return _apply(store, job, transition, now)

    return patch.object(MemoryStore, "_settle", settle)


def cancel_forgotten() -> AbstractContextManager[object]:
    """Run a job again whose cancel was requested."""

    def settle(store: MemoryStore, transition: Transition, now: datetime) -> Verdict:
        job = store._claimed_by(transition.job_id, transition.token)
        return Verdict.STALE if job is None else _apply(store, job, transition, now)

    return patch.object(MemoryStore, "_settle", settle)


def cancelled_job_stays_in_line() -> AbstractContextManager[object]:
    """Note that a waiting job is to be cancelled, and leave it to be claimed."""

    def cancelled(job: Job, reason: str | None, now: datetime) -> Job:
        return replace(job, cancel_requested_at=now, cancel_reason=reason)

    return patch.object(changes, "cancelled", cancelled)


def promoted_twice() -> AbstractContextManager[object]:
    """Queue what is due, also what runs by now."""
    right = MemoryStore.promote

    async def promote(store: MemoryStore, limit: int) -> Promotion:
        ledger, now = store._vault.ledger, await store.now()
        for job in list(ledger.jobs.values()):
            if job.state is JobState.RUNNING and job.run_at is not None and job.run_at <= now:
                ledger.write(replace(job, state=JobState.QUEUED))
        return await right(store, limit)

    return patch.object(MemoryStore, "promote", promote)


def key_checked_then_stored() -> AbstractContextManager[object]:
    """Look for the key, wait a moment, and store."""

    async def enqueue(store: MemoryStore, jobs: Sequence[NewJob]) -> list[Enqueued]:
        ledger, now = store._vault.ledger, await store.now()
        found = [ledger.jobs.get(new.id) or ledger.keyed(new.task, new.key) for new in jobs]
        await asyncio.sleep(0)
        pairs = zip(jobs, found, strict=True)
        answers = [Enqueued(job=old or changes.stored(new, now), created=old is None) for new, old in pairs]
        for answer in answers:
            if answer.created:
                ledger.add(answer.job)
        store._tell_waiting([answer.job for answer in answers])
        return answers

    return patch.object(MemoryStore, "enqueue", enqueue)


def live_jobs_pruned() -> AbstractContextManager[object]:
    """Delete what was stored long enough ago, whatever its state."""

    async def prune(store: MemoryStore, limit: int) -> int:
        ledger, now = store._vault.ledger, await store.now()
        past = [job for job in ledger.jobs.values() if job.created_at + job.policy.keep <= now][:limit]
        for job in past:
            ledger.delete(job.id)
        return len(past)

    return patch.object(MemoryStore, "prune", prune)


def counts_drift() -> AbstractContextManager[object]:
    """Forget to count down for a job that is deleted."""
    right = Ledger.delete

    def delete(ledger: Ledger, job_id: str) -> None:
        job = ledger.jobs[job_id]
        right(ledger, job_id)
        tally = job.queue, job.task, job.state
        ledger.tallies[tally] = ledger.tallies.get(tally, 0) + 1

    return patch.object(Ledger, "delete", delete)


def _apply(store: MemoryStore, job: Job, transition: Transition, now: datetime) -> Verdict:
    ledger = store._vault.ledger
    ledger.attempts[job.id].append(changes.attempt_ended(job, transition, now))
    ledger.write(changes.settled(job, transition, now))
    return Verdict.APPLIED
