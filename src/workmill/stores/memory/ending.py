"""How jobs are cancelled, and what follows from any end. All of it with the vault's lock held."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from workmill.stores.memory import changes
from workmill.stores.memory.vault import Vault
from workmill.words.job import Job


def cancel(vault: Vault, job_id: str, reason: str | None, now: datetime, *, force: bool = False) -> Job | None:
    """Cancel one job, or ask for it where it runs; return it if that changed it."""
    job = vault.ledger.jobs.get(job_id)
    if job is None or job.state.is_final:
        return None
    if job.cancel_requested_at is None:
        return vault.ledger.write(replace(changes.cancelled(job, reason, now), cancel_forced=force))
    if force and not job.cancel_forced:
        return vault.ledger.write(replace(job, cancel_forced=True))
    return None


def conclude(vault: Vault, changed: Sequence[Job], now: datetime) -> list[Job]:
    """Do what follows from the ends among these changes, and return all further jobs that were changed."""
    ended = [job for job in changed if job.state.is_final]
    further = vault.following.conclude(ended, now)
    vault.schedules.follow((*ended, *(job for job in further if job.state.is_final)), now)
    return further
