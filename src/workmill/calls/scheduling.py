"""Schedules: jobs at the times of a calendar, at intervals, or again and again.

What that takes is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workmill.craft.client import Client
from workmill.craft.registry import Registry
from workmill.words.job import NewJob

if TYPE_CHECKING:
    from workmill.craft.schedules import Schedules
    from workmill.craft.when import When
    from workmill.words.schedule import Missed, Overlap


class Scheduling:
    """What an application does with schedules."""

    _client: Client
    _registry: Registry

    @property
    def schedules(self) -> Schedules:
        """The stored schedules: to look at, create, edit, start, stop and delete."""
        from workmill.craft.schedules import Schedules  # noqa: PLC0415 - loaded by who has schedules

        return Schedules(self._client, self._registry.handle)

    def schedule(
        self,
        name: str,
        job: NewJob,
        when: When,
        *,
        active: bool = True,
        overlap: Overlap | str = "skip",
        missed: Missed | str = "once",
    ) -> None:
        """Declare a schedule: workers store it as they start, where it is not stored as declared already.

        What was edited or stopped at run time stays so until another declaration takes its place; a stopped one is not
        started by it. A declaration that is taken out of the code leaves the stored schedule alone: delete that.

        Args:
            name: Up to 128 of the characters `A-Z a-z 0-9 _ . : -`.
            job: What it makes, by `task.job(...)`.
            when: `Cron`, `Every` or `Loop`.
            active: Whether it begins by itself, or waits to be started.
            overlap: What becomes of a tick while a job of it has not ended: `skip`, `queue`, `cancel` or `allow`.
            missed: What becomes of ticks while no worker ran: `once`, for all of them one job; `skip`; or `all`.

        Raises:
            InvalidOption: One of them cannot be, or the name is declared already.
        """
        from workmill.craft.planning import DeclaredSchedule, plan_of  # noqa: PLC0415 - loaded by who has schedules

        plan = plan_of(name, job, when, overlap=overlap, missed=missed)
        self._registry.declare_schedule(DeclaredSchedule(plan=plan, when=when, is_active=active))
