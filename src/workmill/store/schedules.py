"""The verbs over schedules. The store keeps them and decides who fires; when they are due is for the caller to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from workmill.store.records import Enqueued
from workmill.words.schedule import NewSchedule, Schedule, Tick


class TickVerdict(StrEnum):
    """What the store did with one tick."""

    FIRED = "fired"
    """Its jobs were stored, if it brought any."""
    SKIPPED = "skipped"
    """A job that the schedule has made before has not ended, so that none was stored."""
    STALE = "stale"
    """The schedule is another than the tick was made of, or is not active: nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What became of a tick, with the jobs that were stored."""

    verdict: TickVerdict
    jobs: tuple[Enqueued, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The schedules that are due, the store's present moment, and how long until the next is due (None: none is)."""

    now: datetime
    schedules: tuple[Schedule, ...]
    next_in: timedelta | None


class ScheduleVerbs(Protocol):
    """What a store does with schedules. They are rows; nothing about them is kept anywhere else."""

    async def put_schedules(self, schedules: Sequence[NewSchedule]) -> list[Schedule]:
        """Store schedules, or edit those of the same names, all or none.

        An edited one gets the plan and the `next_at`, is active or not as given, and keeps the rest. Where the last job
        of a loop has not ended, `next_at` stays None until it has.

        Raises:
            ScheduleChanged: One has another version than the one given to compare with; nothing was stored.
        """

    async def schedules(self, *, limit: int, cursor: str | None) -> tuple[list[Schedule], str | None]:
        """List schedules by name, and say where the next page begins (None: this was the last).

        Raises:
            InvalidOption: The cursor is none of this store's.
        """

    async def get_schedules(self, names: Sequence[str]) -> list[Schedule | None]:
        """Return schedules by name; None for each that is not stored."""

    async def start_schedule(self, name: str, next_at: datetime, *, args: bytes | None = None) -> Schedule:
        """Make a schedule active, with `args` in place of the plan's, where they are given.

        The next job of a loop whose last has not ended is counted from that end.

        Raises:
            ScheduleActive: It is already.
            ScheduleNotFound: There is none of this name.
        """

    async def stop_schedule(self, name: str, *, cancel_running: bool = False) -> Schedule:
        """Make a schedule inactive, and cancel its jobs that do not run, or with `cancel_running` all of them.

        From the return on it stores no job and none of its jobs begins. Safe to repeat.

        Raises:
            ScheduleNotFound: There is none of this name.
        """

    async def delete_schedules(self, names: Sequence[str]) -> None:
        """Stop and forget schedules. Unknown names are no error. Their jobs stay as long as they are kept."""

    async def due(self, limit: int) -> Due:
        """Return up to `limit` active schedules whose `next_at` has come, those longest due first."""

    async def fire(self, ticks: Sequence[Tick]) -> list[Fired]:
        """Let schedules make their jobs, each tick by itself, whole or not at all.

        A tick whose `version` is not the schedule's, or whose schedule is not active, is stale; so however many see the
        same tick, it fires once. One that a person asks for has no version, fires also where the schedule is not
        active, and is stale only where there is no such schedule or its jobs are stored already.

        Fired, it stores its jobs, whose ties bear its name, one after the other as `enqueue` would, each by the plan's
        overlap rule: while any job of the schedule has not ended, the new one is skipped, or waits for the end of all
        such jobs (and cancels them first), or neither. For a loop it is always skipped, and instead of waiting where
        there are `MOST_QUEUED` of them. Then `last_at` is the tick's moment, and `next_at` what the tick says: for
        None, a schedule is not active any more. A loop is due again its pause after the end of its last job, or after
        the tick where that has ended. A tick by a person changes `last_job` only, nothing where it is skipped, and of a
        loop also lets the next be counted from that job's end.

        A bounded queue that is full refuses no schedule: it holds more, then.
        """
