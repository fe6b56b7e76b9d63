"""Actions on many jobs at once; what that takes is loaded when one is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from workmill.craft.client import Client, Session, check_reason
from workmill.craft.limits import checked_count
from workmill.craft.registry import Registry
from workmill.reading import job_filter
from workmill.store import JobFilter
from workmill.sync import Portal
from workmill.words.errors import InvalidOption
from workmill.words.job import Job, JobState, NewJob
from workmill.words.names import check_key

if TYPE_CHECKING:
    from workmill.craft.acting import Acted, Action

LONGEST_SECONDS = 600.0
"""How long an action may take."""


class Acting:
    """What an application does to many jobs."""

    _client: Client
    _portal: Portal
    _registry: Registry

    def act_on_jobs(
        self,
        action: Action | str,
        *,
        states: Sequence[JobState | str] = (),
        tasks: Sequence[str] = (),
        queues: Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        reason: str | None = None,
        force: bool = False,
        expected: int | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """Cancel or retry every job that matches the filters, 10,000 at most.

        Args:
            action: `cancel` or `retry`.
            states: Only jobs in these; else all that are not over, or for a retry those that failed.
            tasks: Only jobs of these.
            queues: Only jobs on these.
            created_after: Only jobs created after this moment.
            created_before: Only jobs created before this moment.
            reason: Of a cancel: why; it is kept with each job.
            force: Of a cancel: end running jobs without asking them.
            expected: How many the caller thinks there are.
            dry_run: Do nothing, and answer what would be done.
            key: Of a retry: an idempotency key; to act again with it makes no job twice.

        Raises:
            CountChanged: There are not as many as expected; nothing was done.
            InvalidOption: A filter is none, they are too many, or the action is not for jobs in such a state.
            StoreUnavailable: Unknown how many were done; repeat a retry with its key.
        """
        wanted = job_filter(states, tasks, queues, created_after, created_before)
        act = self._act(_action(action), wanted, reason, force=force, expected=expected, dry_run=dry_run, key=key)
        return self._portal.run(act, timeout=LONGEST_SECONDS)

    async def aact_on_jobs(
        self,
        action: Action | str,
        *,
        states: Sequence[JobState | str] = (),
        tasks: Sequence[str] = (),
        queues: Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        reason: str | None = None,
        force: bool = False,
        expected: int | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """Do as `act_on_jobs` does, awaited."""
        wanted = job_filter(states, tasks, queues, created_after, created_before)
        act = self._act(_action(action), wanted, reason, force=force, expected=expected, dry_run=dry_run, key=key)
        return await self._portal.arun(act)

    def _act(
        self,
        action: Action,
        wanted: JobFilter,
        reason: str | None,
        *,
        force: bool,
        expected: int | None,
        dry_run: bool,
        key: str | None,
    ) -> Callable[[Session], Awaitable[Acted]]:
        check_reason(reason)
        checked_count("expected", expected)
        from workmill.craft import acting  # noqa: PLC0415 - loaded by who acts

        if key is not None:
            check_key(key)
        chosen = replace(wanted, states=acting.states_for(action, wanted.states))

        async def act(session: Session) -> Acted:
            jobs = await acting.matching(session, chosen, expected)
            if dry_run:
                return acting.Acted(matched=len(jobs), job_ids=tuple(job.id for job in jobs))
            if action is acting.Action.CANCEL:
                return await acting.cancel_all(session, jobs, reason, force=force)
            return await acting.retry_all(session, self._client, jobs, key, self._ruled)

        return act

    def _ruled(self, job: Job) -> Callable[[NewJob], NewJob] | None:
        task = self._registry.tasks.get(job.task)
        return None if task is None else task.ruled


def _action(action: Action | str) -> Action:
    from workmill.craft.acting import Action  # noqa: PLC0415 - loaded by who acts

    try:
        return Action(action)
    except ValueError:
        raise InvalidOption("action", action, f"give one of {', '.join(Action)}") from None
